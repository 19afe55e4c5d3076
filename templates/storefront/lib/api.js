// Calls the shop's JSON API on the same origin and keeps the session: the access token in memory
// and in the tab, the refresh token beside it for all tabs. Knows nothing of pages.

const TIMEOUT_MS = 35_000;
// A token this close to its end is renewed first, so that a slow request does not outlive it.
const RENEW_BEFORE_MS = 30_000;

/** An answer that is not a success; `code` is stable, see /docs/errors. */
class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail || body.title || "Something went wrong.");
    this.status = status;
    this.code = body.code || "UNKNOWN";
    this.errors = body.errors || [];
    this.body = body;
    this.retryAfter = Number(retryAfter) || null;
  }
}

export class Api {
  /** `name` keeps the sessions of shop and back office apart. */
  constructor(name) {
    this.sessionKey = `${name}.session`;
    this.accessKey = `${name}.access`;
    this.access = read(sessionStorage, this.accessKey);
    addEventListener("storage", (event) => {
      if (event.key === this.sessionKey && !event.newValue) this.forget();
    });
  }

  /** Who is logged in, as far as this browser knows. */
  get user() {
    return read(localStorage, this.sessionKey)?.user ?? null;
  }

  get(path, options) {
    return this.call("GET", path, options);
  }
  post(path, body, options) {
    return this.call("POST", path, { ...options, body });
  }
  put(path, body, options) {
    return this.call("PUT", path, { ...options, body });
  }
  patch(path, body, options) {
    return this.call("PATCH", path, { ...options, body });
  }
  delete(path, options) {
    return this.call("DELETE", path, options);
  }

  /**
   * One call. `open`: without the token, for what everybody may read. `key`: Idempotency-Key.
   * `version`: If-Match. `link`: of a guest's order. Answers the body, or null for 204.
   */
  async call(method, path, options = {}) {
    const withToken = !options.open && this.user !== null;
    if (withToken && !this.isFresh()) await this.renew(this.access?.token);
    const used = this.access?.token;
    try {
      return await send(method, path, options, withToken ? used : null);
    } catch (problem) {
      if (!withToken || problem.status !== 401 || this.user === null) throw problem;
      await this.renew(used);
      return send(method, path, options, this.access?.token);
    }
  }

  async login(email, password) {
    this.keep(await send("POST", "/api/auth/login", { body: { email, password } }));
    return this.user;
  }

  async logout() {
    try {
      await this.post("/api/auth/logout");
    } catch (problem) {
      // The session is forgotten here whatever the server says; it ends there by itself.
      console.info("logout:", problem.code);
    }
    this.forget();
  }

  /** Takes over a change of the profile. */
  setUser(user) {
    const session = read(localStorage, this.sessionKey);
    if (session) localStorage.setItem(this.sessionKey, JSON.stringify({ ...session, user }));
  }

  isFresh() {
    return Boolean(this.access) && Date.now() < this.access.until - RENEW_BEFORE_MS;
  }

  /** Gets a new access token in place of `stale`. Tabs take turns, since a refresh token is good for one use. */
  async renew(stale) {
    const turn = async () => {
      const session = read(localStorage, this.sessionKey);
      if (!session) throw new Problem(401, { code: "UNAUTHENTICATED", detail: "Please sign in." });
      if (this.isFresh() && this.access.token !== stale) return;
      try {
        this.keep(await send("POST", "/api/auth/refresh", { body: { refreshToken: session.refreshToken } }), session.user);
      } catch (problem) {
        if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) this.forget();
        throw problem;
      }
    };
    // Locks exist only on https and localhost; elsewhere the server's grace for repeated refreshes has to do.
    await (navigator.locks ? navigator.locks.request(this.sessionKey, turn) : turn());
  }

  keep(tokens, knownUser) {
    this.access = { token: tokens.accessToken, until: Date.now() + tokens.expiresIn * 1000 };
    sessionStorage.setItem(this.accessKey, JSON.stringify(this.access));
    const session = { refreshToken: tokens.refreshToken, user: tokens.user ?? knownUser };
    localStorage.setItem(this.sessionKey, JSON.stringify(session));
  }

  forget() {
    this.access = null;
    sessionStorage.removeItem(this.accessKey);
    localStorage.removeItem(this.sessionKey);
  }
}

/** A key for a request that must happen once. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function read(storage, key) {
  try {
    return JSON.parse(storage.getItem(key));
  } catch {
    return null;
  }
}

async function send(method, path, { body, key, version, form, link }, token) {
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  if (link) headers["x-order-link"] = link;
  if (key) headers["idempotency-key"] = key;
  if (version !== undefined) headers["if-match"] = `"${version}"`;
  const request = { method, headers, body: form ?? (body === undefined ? undefined : JSON.stringify(body)) };
  let response;
  let text;
  try {
    response = await fetch(path, { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) });
    text = await response.text();
  } catch {
    throw new Problem(0, { code: "UNREACHABLE", detail: "The shop cannot be reached. Check your connection and try again." });
  }
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    throw new Problem(response.status, { code: "UNREADABLE", detail: "The shop answered in a way this page does not understand." });
  }
  if (!response.ok) throw new Problem(response.status, answer ?? {}, response.headers.get("retry-after"));
  return answer;
}
