-- Webhooks and what is known of their deliveries.
DROP TABLE webhook_delivery;
DROP TABLE webhook;
