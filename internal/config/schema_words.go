package config

import "strings"

// words is what an editor shows about a key: see ofKey.
var words = map[string]string{
	"temporal": "where the Temporal service is", "workspace": "the disk on which files are made", "s3": "what one upload may use",
	"worker": "what one worker may use", "retry": "how patiently a step is tried again before its run is parked",
	"credentials": "as whom a bucket is written to", "sources": "where rows come from", "queries": "what is sent",
	"segments": "queries that describe audiences", "destinations": "buckets of others", "data_templates": "what a destination gets: which columns, in which files",
	"orchestrations": "one query, sent through one data template", "campaigns": "several groups, sent as one", "users": "who may start what",
	"name":     "a letter or digit first, then letters, digits, spaces, _ . and -, 64 characters at most",
	"settings": "what is set here is final for the levels below", "external_id": "one per customer; starter external-id makes one",
	"role_arn": "the role to assume", "base": "another credential, as which the role is asked for", "verify_external_id": "try the role without its external ID, which must fail",
	"bucket": "its name, or the ARN of an access point", "prefix": "every object is below it", "region": "found if it is not set",
	"endpoint": "of a store that speaks S3; not set: Amazon's", "sse": "none (the bucket's own), s3, or {kms_key_id: ...}", "bucket_owner": "the account that the bucket must belong to, in quotes",
	"file_format": "of the files", "encoding": "how files are compressed or packed", "filename": "a template such as {{query_name}}.csv",
	"success_file": "write a .DONE beside the data, last", "pgp_public_key": "encrypt the files to it", "on_conflict": "what becomes of an object that is there already",
	"part_size": "such as 16MiB", "memory": "such as 512MiB", "park_timeout": "how long a parked run waits for a person, such as 168h",
	"schedule": "when it starts by itself; starter schedule apply tells Temporal", "cron": "minute, hour, day of the month, month, day of the week",
	"catch_up": "after Temporal was down, what is not later than this is made up for", "jitter": "put each start off by a random time up to this",
	"downstream": "what follows a delivery, in this order", "lambda": "a function that is invoked with the receipt", "redshift": "a table that the objects are copied into",
	"ledger": "a table in which loads are noted, so that none is done twice", "iam_role": "as which Redshift reads the bucket: default, or ARNs",
	"notify": "workflows that are told how a run ended", "pii": "columns that hold personal data", "alerts": "row counts that warn, or stop the delivery",
}

// ofKey finds what a table has for a key: by all of its path or, first by most of it, by the end of that.
func ofKey[T any](table map[string]T, path string) (found T, ok bool) {
	for more := true; more && !ok; {
		found, ok = table[path]
		_, path, more = strings.Cut(path, ".")
	}
	return found, ok
}
