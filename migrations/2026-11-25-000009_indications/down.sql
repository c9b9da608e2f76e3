ALTER TABLE price DISABLE TRIGGER price_is_never_edited;
DELETE FROM price WHERE buyer > 4;
ALTER TABLE price ENABLE TRIGGER price_is_never_edited;
ALTER TABLE price DROP COLUMN included_per_day, DROP CONSTRAINT price_buyer;
ALTER TABLE price ADD CONSTRAINT price_buyer_check CHECK (buyer BETWEEN 1 AND 4);
DROP TABLE service_price, service_kind;
ALTER TABLE service
    DROP COLUMN code, DROP COLUMN function, DROP COLUMN vat_basis_points, DROP COLUMN included_per_day,
    DROP COLUMN from_savings, DROP COLUMN council_agreed_on, DROP COLUMN published_on;
DROP TABLE representative;
ALTER TABLE client DROP COLUMN location, DROP COLUMN arrived_on, DROP COLUMN left_on, DROP COLUMN supporter;
DROP TABLE addition, indication, tariff;
DROP FUNCTION refuse_overlapping_tariff();
DROP TABLE scheme_start;
ALTER TABLE scheme DROP COLUMN source;
