-- A table of customers for the benchmark: twenty columns, about 250 bytes a row as CSV, two thirds of them text, with
-- commas, quotes, line breaks and letters outside ASCII, and NULLs in nine columns. Row number n always has the same
-- values, so that a table of fewer rows is the beginning of one of more.
COPY (
WITH words AS (
  SELECT
    ['Ada', 'Bruno', 'Chidi', 'Daisy', 'Emil', 'Fátima', 'Grégoire', 'Hana', 'Ingrid', 'Jakub', 'Kateřina', 'Lars', 'Márta', 'Nadia',
     'Oisín', 'Paula', 'Quentin', 'Rosa', 'Søren', 'Théo', 'Uma', 'Vera', 'Wanda', 'Ximena', 'Yusuf', 'Zoë', 'Мария', 'Иван', '太郎', '小红'] AS given,
    ['Abbott', 'Becker', 'Castillo', 'D''Angelo', 'Eriksson', 'Fernández', 'Grünwald', 'Hughes', 'Ivanova', 'Johansson', 'Kovács', 'Lefebvre',
     'McCarthy', 'Novák', 'O''Connor', 'Petrov', 'Quiñones', 'Rahman', 'Schröder', 'Tanaka', 'Ueda', 'van Dijk', 'Weiß', 'Xu', 'Yıldız', 'Zhang', '山本', '王'] AS family,
    ['High Street', 'Station Road', 'Church Lane', 'Mill Way', 'Queens Avenue', 'Harbour View', 'Forest Drive', 'Market Square', 'Kings Court', 'Orchard Close'] AS street,
    ['Bristol', 'Zürich', 'Málaga', 'Kraków', 'Tromsø', 'Gent', 'Lyon', 'Cork', 'Porto', 'Turin', 'Graz', 'Brno', 'Uppsala', 'Aarhus', 'Tampere', 'Galway', 'Leeds', 'Bath', 'Ulm', 'Pécs'] AS city,
    ['mail.example', 'post.example.org', 'inbox.example.com', 'letters.example.net', 'briefe.example.de'] AS host,
    ['new', 'regular', 'loyal', 'lapsed'] AS standing,
    ['wants to be called in the evening', 'asked for "no advertising", twice', 'prefers letters, not mail', 'moved house; the old address is still on file',
     E'first line of a note\nand a second one', 'sehr höflich, ruft gern zurück', '要電話確認', 'said: "never again", came back a month later',
     'pays by invoice, thirty days', E'left\ttabulated data behind', 'no remarks', 'has been with us since the very first year, and says so'] AS remark
), numbered AS (
  SELECT n, hash(n) AS a, hash(n + 7919) AS b, hash(n + 104729) AS c, hash(n * 3 + 1) AS d, md5(n::VARCHAR) AS digits FROM range($ROWS) AS t(n)
)
SELECT
  substr(digits, 1, 8) || '-' || substr(digits, 9, 4) || '-' || substr(digits, 13, 4) || '-' || substr(digits, 17, 4) || '-' || substr(digits, 21, 12) AS customer,
  5000000000 + n * 11 AS account,
  given[1 + (a % 30)::INT] AS given_name,
  family[1 + (b % 28)::INT] AS family_name,
  CASE WHEN c % 19 > 0 THEN 'customer.' || (b % 1000000)::VARCHAR || '@' || host[1 + (a % 5)::INT] END AS email,
  CASE WHEN d % 19 > 0 THEN '+44 ' || (1000 + a % 9000)::VARCHAR || ' ' || (100000 + c % 900000)::VARCHAR END AS phone,
  (1 + d % 400)::VARCHAR || ' ' || street[1 + (c % 10)::INT] || CASE WHEN a % 4 = 0 THEN ', Flat ' || (1 + b % 90)::VARCHAR ELSE '' END AS street,
  city[1 + (d % 20)::INT] AS city,
  chr((65 + a % 26)::INT) || chr((65 + b % 26)::INT) AS region,
  lpad((c % 100000)::VARCHAR, 5, '0') AS postcode,
  CASE WHEN a % 23 > 0 THEN DATE '1935-01-01' + (b % 27000)::INT END AS born,
  TIMESTAMP '2014-06-01' + to_microseconds((c % 340000000)::BIGINT * 1000000 + (d % 1000000)::BIGINT) AS joined,
  CASE WHEN b % 21 > 0 THEN TIMESTAMP '2025-03-01' + to_seconds((d % 20000000)::BIGINT) END AS seen,
  CASE WHEN c % 22 > 0 THEN ((a % 20000000)::BIGINT / 100.0)::DECIMAL(18, 2) END AS balance,
  CASE WHEN d % 18 > 0 THEN (100 * (5 + b % 300))::INTEGER END AS credit,
  CASE WHEN a % 17 > 0 THEN (c % 1000000) / 1000000.0::DOUBLE END AS score,
  b % 5 < 3 AS active,
  (d % 80)::INTEGER AS orders,
  standing[1 + (c % 4)::INT] AS standing,
  CASE WHEN d % 8 > 0 THEN remark[1 + (a % 12)::INT] || CASE WHEN b % 3 = 0 THEN ' (ref ' || (d % 1000000)::VARCHAR || ')' ELSE '' END END AS remark
FROM numbered, words
) TO '$FILE' (FORMAT parquet, COMPRESSION snappy);
