-- A customer table as nasty as real ones are, and the same every time: only the row's number decides.
COPY (
WITH pool AS (SELECT
	['Ada', 'José', 'Zoë', 'Łukasz', 'Søren', 'Nguyễn Văn', 'Олег', '美咲', 'Anne-Marie', 'Siân', 'محمد', 'Χρήστος', 'Bjørn', 'Seán', 'D''Arcy', 'İpek'] AS given,
	['O''Brien', 'García Márquez', 'Müller-Lüdenscheidt', 'Dvořák', '佐藤', 'Иванова', 'van den Berg', 'Smith, Jr.', 'Ng', 'الحسن', 'Παπαδόπουλος', 'Said "Bo" Olsen', 'Null', 'Test'] AS family,
	['12 High St, Flat "B"', 'Calle de Alcalá, 45', E'c/o Meyer\nHinterhaus', 'P.O. Box 7', '〒100-0001 千代田区', 'ul. Świętokrzyska 3/14', '1600 "The Oaks", Apt #4', 'Rue de l''Église'] AS street,
	['São Paulo', 'Zürich', 'Kraków', '東京', 'Coeur d''Alene', 'St. John''s', 'Québec', 'القاهرة', 'Winston-Salem', 'Łódź'] AS city,
	['', ' ', '  leads and trails  ', 'plain', 'says "hello, world"', '""', '"', ',', E'two\nlines', E'Windows\r\nlines', E'a\ttab', 'back\slash', '\N', '\.', 'NULL', 'null',
		'=1+1', '+44', '-7', '@home', '#comment', ';', '|', E'ends with a newline\n', '😀 naïve façade', 'ẞ', 'e' || chr(769) || ' is not é', '‏עברית', 'true', '007', '1e5', '2026-11-23'] AS note
)
SELECT
	1000000 + 7 * i AS customer_id,
	given[1 + (h1 % len(given))::INT] || ' ' || family[1 + (h2 % len(family))::INT] AS full_name,
	CASE WHEN h1 % 11 = 0 THEN NULL WHEN h1 % 11 = 1 THEN '' ELSE 'c' || i || '+news@example.' || ['com', 'org', 'co.uk'][1 + (h2 % 3)::INT] END AS email,
	CASE WHEN h2 % 7 = 0 THEN NULL ELSE '+' || (1 + h1 % 99) || ' ' || lpad((h2 % 100000000)::VARCHAR, 8, '0') END AS phone,
	street[1 + (h3 % len(street))::INT] AS street,
	city[1 + (h4 % len(city))::INT] AS city,
	CASE WHEN h3 % 9 = 0 THEN NULL ELSE DATE '1931-01-01' + (h3 % 29000)::INT END AS birth_date,
	TIMESTAMP '2009-03-08 01:59:59' + to_microseconds((h4 % 500000000000000)::BIGINT) AS registered_at,
	CASE WHEN h4 % 5 = 0 THEN NULL ELSE TIMESTAMP '2024-02-29 23:59:59' + to_seconds((h1 % 54000000)::BIGINT) END AS last_order_at,
	CASE WHEN h2 % 13 = 0 THEN NULL ELSE (((h3 % 200000000)::BIGINT - 50000000) / 100.0)::DECIMAL(18, 2) END AS balance,
	CASE WHEN h1 % 17 = 0 THEN NULL ELSE (h2 % 1000003)::DOUBLE / 7 END AS score,
	(h4 % 400)::INTEGER AS orders,
	CASE WHEN h3 % 23 = 0 THEN NULL ELSE h3 % 4 > 0 END AS active,
	CASE WHEN h4 % 6 = 0 THEN NULL ELSE note[1 + (h1 % len(note))::INT] END AS notes
FROM pool, (SELECT i, hash(i) AS h1, hash(i + 1000003) AS h2, hash(i + 2000003) AS h3, hash(i + 3000017) AS h4 FROM range(100000) t(i))
ORDER BY i
) TO '$FILE' (FORMAT parquet);
