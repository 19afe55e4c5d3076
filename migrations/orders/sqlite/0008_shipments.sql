-- What left the house of orders, and what carriers said about it.

CREATE TABLE shipments (
    order_id BLOB NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    carrier TEXT,
    tracking_number TEXT,
    status TEXT NOT NULL CHECK (status IN ('SHIPPED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED', 'FAILED')),
    lines TEXT NOT NULL CHECK (json_valid(lines)),
    events TEXT NOT NULL CHECK (json_valid(events)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (order_id, position),
    CHECK (created_at <= updated_at)
) STRICT, WITHOUT ROWID;

-- Orders that left the house before went in one parcel, which is known by the step of their history.
INSERT INTO shipments (order_id, position, id, carrier, tracking_number, status, lines, events, created_at, updated_at)
SELECT orders.id, 0, gone.id, NULL, NULL, orders.status,
    (SELECT json_group_array(json_object('sku', item.sku, 'quantity', item.quantity)) FROM order_items AS item
        WHERE item.order_id = orders.id),
    (SELECT json_group_array(json_object('status', step.status, 'at',
            strftime('%Y-%m-%dT%H:%M:%S', step.reached_at / 1000000, 'unixepoch')
                || printf('.%06dZ', step.reached_at % 1000000), 'note', NULL))
        FROM (SELECT status, reached_at FROM order_status_history
            WHERE order_id = orders.id AND status IN ('OUT_FOR_DELIVERY', 'DELIVERED') ORDER BY id) AS step),
    gone.reached_at, (SELECT max(reached_at) FROM order_status_history WHERE order_id = orders.id)
FROM orders JOIN order_status_history AS gone ON gone.order_id = orders.id AND gone.status = 'SHIPPED'
WHERE orders.status IN ('SHIPPED', 'OUT_FOR_DELIVERY', 'DELIVERED');
