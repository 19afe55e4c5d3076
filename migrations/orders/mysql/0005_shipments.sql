-- What left the house of orders, and what carriers said about it.

CREATE TABLE IF NOT EXISTS shipments (
    order_id BINARY(16) NOT NULL,
    position BIGINT NOT NULL CHECK (position >= 0),
    id BINARY(16) NOT NULL,
    carrier TEXT,
    tracking_number TEXT,
    status VARCHAR(16) NOT NULL CHECK (status IN ('SHIPPED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED', 'FAILED')),
    `lines` LONGTEXT NOT NULL CHECK (JSON_VALID(`lines`)),
    events LONGTEXT NOT NULL CHECK (JSON_VALID(events)),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (order_id, position),
    UNIQUE KEY shipment_id (id),
    CHECK (created_at <= updated_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Orders that left the house before went in one parcel, which is known by the step of their history.
INSERT INTO shipments (order_id, position, id, carrier, tracking_number, status, `lines`, events, created_at, updated_at)
SELECT orders.id, 0, gone.id, NULL, NULL, orders.status,
    (SELECT JSON_ARRAYAGG(JSON_OBJECT('sku', item.sku, 'quantity', item.quantity)) FROM order_items AS item
        WHERE item.order_id = orders.id),
    (SELECT CONCAT('[', COALESCE(GROUP_CONCAT(JSON_OBJECT('status', step.status, 'at',
            DATE_FORMAT(TIMESTAMPADD(MICROSECOND, step.reached_at, '1970-01-01 00:00:00'), '%Y-%m-%dT%H:%i:%s.%fZ'),
            'note', NULL) ORDER BY step.id SEPARATOR ','), ''), ']')
        FROM order_status_history AS step
        WHERE step.order_id = orders.id AND step.status IN ('OUT_FOR_DELIVERY', 'DELIVERED')),
    gone.reached_at, (SELECT MAX(step.reached_at) FROM order_status_history AS step WHERE step.order_id = orders.id)
FROM orders JOIN order_status_history AS gone ON gone.order_id = orders.id AND gone.status = 'SHIPPED'
WHERE orders.status IN ('SHIPPED', 'OUT_FOR_DELIVERY', 'DELIVERED')
    AND NOT EXISTS (SELECT 1 FROM shipments AS known WHERE known.order_id = orders.id);
