// Where there is no page: the header, and a way back.

import { start } from "./shop.js";

start(async () => {});
