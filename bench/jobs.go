package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A job is a delivery, and the commands with which somebody would make it otherwise.
type job struct {
	name     string
	title    string
	settings string  // of the destination
	file     string  // the object's name, before .pgp is put behind it
	source   string  // the configuration's source
	limit    int     // rows of the table; 0: all
	columns  string  // of the table; empty: all
	wide     int     // times that all columns are in the result, which has so many times fewer rows; 0: once
	files    int     // into which the result is split; 0: it is not
	many     bool    // many small sends at once, without a peer and without a success file
	unpack   string  // what makes the rendered file of standard input
	parquet  bool    // what is unpacked is Parquet, not CSV
	peer     string  // the peer's name in the report
	commands string  // bash; see world.script for its variables
	target   float64 // what the ratio of the times, peer to ours, should be at least; 0: none is set
}

const (
	gunzip  = "gunzip"
	decrypt = `gpg --quiet --batch --decrypt`
	// The peer's pieces. $COPY is DuckDB's COPY of the table as a program, $TO the object's URL, $WORK a folder.
	copyParquet = `$COPY "COPY ($QUERY) TO '$WORK/out' (FORMAT parquet, COMPRESSION snappy)"`
	copyCSV     = `$COPY "COPY ($QUERY) TO '$WORK/out.csv' (FORMAT csv, HEADER)"`
	streamCSV   = `$COPY "COPY ($QUERY) TO '/dev/stdout' (FORMAT csv, HEADER)"`
	encryptTo   = `gpg --quiet --batch --trust-model always --compress-algo none --recipient $RECIPIENT --encrypt`
	awsPipe     = `aws s3 cp --quiet --expected-size $SIZE - $TO`
	awsFile     = `aws s3 cp --quiet`
	s5cmd       = `$S5CMD cp`
)

// allJobs are the jobs in the order of the report.
func allJobs() []job { return append(usualJobs(), scaleJobs()...) }

// usualJobs are measured unless others are asked for.
func usualJobs() []job {
	return []job{
		{
			name: "parquet", title: "Parquet snappy", settings: "file_format: parquet", file: "out.parquet", unpack: "cat", parquet: true,
			peer: "DuckDB COPY, s5cmd", commands: copyParquet + " && " + s5cmd + " $WORK/out $TO", target: 0.95,
		},
		{
			name: "csv", title: "CSV plain", settings: "file_format: csv", file: "out.csv", unpack: "cat",
			peer: "DuckDB COPY, s5cmd", commands: copyCSV + " && " + s5cmd + " $WORK/out.csv $TO", target: 1.3,
		},
		{
			name: "gzip6-pgp", title: "CSV gzip + PGP", settings: "file_format: csv, encoding: gzip, pgp_public_key: {file: acme.asc}", file: "out.csv.gz",
			unpack: decrypt + " | " + gunzip,
			peer:   "DuckDB COPY | pigz -6 | gpg | aws", commands: streamCSV + " | pigz -6 | " + encryptTo + " | " + awsPipe, target: 1.8,
		},
		{
			name: "gzip1-pgp", title: "CSV gzip 1 + PGP", settings: "file_format: csv, encoding: gzip, compression_level: 1, pgp_public_key: {file: acme.asc}", file: "out.csv.gz",
			unpack: decrypt + " | " + gunzip,
			peer:   "DuckDB COPY | pigz -1 | gpg | aws", commands: streamCSV + " | pigz -1 | " + encryptTo + " | " + awsPipe, target: 1.35,
		},
		{
			name: "tgz", title: "CSV tgz", settings: "file_format: csv, encoding: tgz", file: "out.tgz", unpack: "tar -xzO",
			peer: "DuckDB COPY, tar -I 'pigz -6' | aws", commands: copyCSV + " && tar -C $WORK -I 'pigz -6' -cf - out.csv | " + awsPipe, target: 1.8,
		},
		{
			name: "zip6", title: "CSV zip 6", settings: "file_format: csv, encoding: zip", file: "out.zip", unpack: "cat > $WORK/packed.zip && unzip -p $WORK/packed.zip",
			peer: "DuckDB COPY, zip -6, aws", commands: copyCSV + " && zip -q -6 -j $WORK/out.zip $WORK/out.csv && " + awsFile + " $WORK/out.zip $TO", target: 3,
		},
		{
			name: "postgres", title: "PostgreSQL to CSV gzip 1 + PGP", source: "warehouse",
			settings: "file_format: csv, encoding: gzip, compression_level: 1, pgp_public_key: {file: acme.asc}", file: "out.csv.gz",
			unpack: decrypt + " | " + gunzip,
			peer:   `psql \copy | pigz -1 | gpg | aws`, commands: `psql -X -q -c "\\copy ($QUERY) TO STDOUT (FORMAT csv, HEADER)" "$DSN" | pigz -1 | ` + encryptTo + " | " + awsPipe, target: 1.3,
		},
		{
			name: "one-row", title: "One row as Parquet", limit: 1, settings: "file_format: parquet", file: "out.parquet", unpack: "cat", parquet: true,
			peer: "DuckDB COPY, s5cmd", commands: copyParquet + " && " + s5cmd + " $WORK/out $TO",
		},
		{name: "many", title: "Small sends at once", many: true, limit: smallRows, settings: "file_format: parquet", file: "{{orchestration_name}}.parquet"},
	}
}

// scaleJobs show how the cost of a delivery grows with files and columns, and what encryption alone costs. They have no
// peer.
func scaleJobs() []job {
	var jobs []job
	for _, files := range []int{1, 10, 100, 1_000} {
		jobs = append(jobs, job{
			name: fmt.Sprintf("split-%d", files), title: fmt.Sprintf("CSV gzip 1 + PGP, %s files", grouped(files)), files: files,
			settings: `file_format: csv, encoding: gzip, compression_level: 1, pgp_public_key: {file: acme.asc}, split_filename: "{{file_number}}.csv.gz"`, file: "out",
		})
	}
	jobs = append(jobs, job{
		name: "csv-pgp", title: "CSV + PGP", settings: "file_format: csv, pgp_public_key: {file: acme.asc}", file: "out.csv", unpack: decrypt,
	}, job{
		name: "parquet-pgp", title: "Parquet snappy + PGP", settings: "file_format: parquet, pgp_public_key: {file: acme.asc}", file: "out.parquet", unpack: decrypt, parquet: true,
	})
	return append(jobs, job{
		name: "columns-5", title: "CSV plain, 5 columns", columns: "customer, account, email, balance, joined", settings: "file_format: csv", file: "out.csv",
	}, job{
		name: "columns-600", title: "CSV plain, 600 columns", wide: 30, settings: "file_format: csv", file: "out.csv",
	}, job{
		name: "columns-600-parquet", title: "Parquet snappy, 600 columns", wide: 30, settings: "file_format: parquet", file: "out.parquet", unpack: "cat", parquet: true,
	})
}

// of is the job with a table of so many rows.
func (j job) of(rows int) job {
	if j.wide > 0 {
		j.limit = max(rows/j.wide, 1)
	}
	return j
}

// selection is the job's query, of whatever the table is called where it is asked.
func (j job) selection(table string) string {
	query := "SELECT " + cmp.Or(j.columns, "*") + " FROM " + table
	if j.wide > 0 { // the outer query gives each column a name of its own
		query = "SELECT * FROM (SELECT " + strings.Join(slices.Repeat([]string{"*"}, j.wide), ", ") + " FROM " + table + ")"
	}
	if j.limit > 0 {
		query += " LIMIT " + strconv.Itoa(j.limit)
	}
	return query
}
