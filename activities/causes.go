package activities

import (
	"consign/internal/archive"
	"consign/internal/awserror"
	"consign/internal/awsrole"
	"consign/internal/config"
	"consign/internal/defect"
	"consign/internal/encrypt"
	"consign/internal/lambda"
	"consign/internal/naming"
	"consign/internal/plan"
	"consign/internal/redshift"
	"consign/internal/render"
	"consign/internal/secret"
	"consign/internal/source"
	"consign/internal/upload"
	"consign/internal/workspace"
)

const (
	permanent = true
	transient = false
)

// restart goes with advice to correct what may be in the worker's environment: a retry alone would find it as it was.
const restart = " (what is in the environment counts once the worker is started again)"

// parked goes with advice for what may pass by itself: a run that is parked for it has used up its tries, and is not tried again.
const parked = " Once the run is parked, retry."

// causes is the one table of what goes wrong: what it is called, whose it is to fix, whether trying again can help, and
// what to do. The first row that matches decides. What is not in it is tried again.
var causes = []cause{
	// The requester and the configuration.
	{plan.ErrRefused, TypeRefused, Configuration, permanent, "Ask for the access that the message names, or let somebody start it who has it."},
	{ErrStart, TypeRefused, Configuration, permanent, "Start it anew as the message says: starter send and starter campaign do, and docs/CONFIG.md says what other programs give."},
	{ErrOverlap, TypeOverlap, Configuration, permanent, "Start it again when the other run is over, or set overlap to wait."},
	{ErrNotScheduled, TypeNotScheduled, Configuration, permanent, "Delete the schedules that the configuration no longer has: starter schedule apply."},
	{ErrNotKept, TypeFilesNotKept, Platform, permanent, "Send it anew, by starter send with another run key; workspace.keep says how long the files of a finished run stay."},
	{plan.ErrOtherFiles, "FilesDiffer", Configuration, permanent, "Send it anew, by starter send with another run key; or set back what the message names and retry."},
	{ErrPlanStale, "PlanStale", Configuration, permanent, "Somebody changed the configuration during the run: retry with replan to deliver by the new one, or set it back and retry."},
	{ErrOtherColumns, "PlanStale", Configuration, permanent, "Somebody changed the source after the run was planned: retry with replan to deliver the columns as they are now, or set them back and retry."},
	{ErrRowCount, "RowCountAlert", Configuration, permanent, "Look at the query and its data; retry to ask the source again, or change the query's alerts and replan."},
	{ErrEmpty, "EmptyResult", Configuration, permanent, "Look at the query and its data; retry to ask the source again, or set on_empty to write or skip and replan."},
	{ErrTooManyFiles, "TooManyFiles", Configuration, permanent, "Let split take more rows or megabytes for each file, or put the files into one archive (encoding tar, tgz or zip), and retry with replan."},
	{config.ErrSecret, "SecretMissing", Configuration, permanent, "Put the secret where the configuration points to; an environment variable is read only when the worker starts. Then retry."},
	{encrypt.ErrKey, "PublicKeyUnusable", Customer, permanent, "Put the key that the customer sends into the configuration and retry with replan."},
	{naming.ErrName, "NameRefused", Configuration, permanent, "Change filename, split_filename or prefix, and retry with replan."},
	{naming.ErrTemplate, "NameRefused", Configuration, permanent, "Change filename or split_filename, and retry with replan."},
	{archive.ErrName, "NameRefused", Configuration, permanent, "Change filename or split_filename, and retry with replan."},
	{errUnknown, "ConfigurationRefused", Configuration, transient, "Put what the message names into the configuration of every worker; the step is tried again with it, and of a run that is parked by then, retry."},
	{plan.ErrConfiguration, "ConfigurationRefused", Configuration, permanent, "Correct the configuration (starter plan tries it, and asks the source too) and retry with replan."},
	{config.ErrRefused, "ConfigurationRefused", Configuration, transient, "Correct the configuration (starter validate shows all of it); the step is tried again with it." + parked},
	{config.ErrNotFound, "ConfigurationRefused", Configuration, permanent, "Put back into the configuration what the message names and retry; or, if nothing of the delivery can be visible yet, retry with replan to deliver by the new one."},

	// The source and its rows.
	{render.ErrUnwritableValue, "UnwritableValue", Configuration, permanent, "Change the value in the query or the dialect in the settings (another quote_mode, an escape_character), and retry with replan."},
	{render.ErrUnsupportedType, "UnsupportedType", Configuration, permanent, "Write the cast that the message names into the query, and retry with replan."},
	{source.ErrUnsupportedType, "UnsupportedType", Configuration, permanent, "Write the cast that the message names into the query, and retry with replan."},
	{render.ErrColumn, "ColumnMissing", Configuration, permanent, "Make the data template's columns and the query's agree, and retry with replan."},
	{source.ErrQuery, "QueryFailed", Configuration, permanent, "Correct the query and retry with replan; starter plan shows whether it can be run."},
	{source.ErrData, "QueryFailed", Configuration, permanent, "Run the query at the source to see the value; correct it or the query, and retry (with replan if the query changed)."},
	{source.ErrUnreadable, "SourceUnreadable", Configuration, permanent, "See that the source's files are there, whole and readable for the worker, and retry."},
	{source.ErrChanged, "SourceChanged", Configuration, transient, "Nothing at first: it is read anew. Write a source's files aside and rename them when they are whole, before the run begins, so that it reads what does not change." + parked},
	{source.ErrLogin, "SourceLoginRefused", Configuration, permanent, "Correct the source's user, password or database" + restart + ", and retry."},
	{source.ErrTimeout, "QueryTimeout", Configuration, permanent, "If somebody cancelled it at the source, retry. If not, make the query faster or statement_timeout longer, or compress less (compression_level), for rows are taken as fast as they are packed; then retry with replan."},
	{source.ErrOutOfMemory, "QueryOutOfMemory", Platform, transient, "Give the worker more worker.memory, or ask the query for less, and retry."},
	{source.ErrUnreachable, "SourceUnreachable", Platform, transient, "See that the source's server runs and can be reached from the worker, and that the dsn names it" + restart + "."},

	// Us at Amazon.
	{errKeyChanged, "CredentialsExpired", Platform, transient, "Nothing: the key was replaced in the configuration, and the step is tried again with the new one." + parked},
	{awsrole.ErrOpenRole, "RoleOpenToAnyone", Customer, permanent, "Ask the customer to require the external ID in the role's trust policy (starter policy prints it), and retry."},
	{awsrole.ErrOwnRole, "RoleDenied", Platform, permanent, "The role that is denied is one of our own, and the customer has no part in it: see that it trusts whoever assumes it (base, or the AWS default chain) and that they may, and retry."},
	{awsrole.ErrDenied, "RoleDenied", Customer, permanent, "Compare role_arn and external_id with the role's trust policy at the customer (starter policy prints what it should say), and retry."},
	{awsrole.ErrNoCredentials, "NoCredentials", Platform, permanent, "Give the worker AWS credentials (the default chain: environment, profile, instance role), and retry."},
	{awsrole.ErrNoneYet, "NoCredentials", Platform, transient, "Nothing at first: the host is asked for its AWS credentials again." + parked},
	{awsrole.ErrOwnKey, "AccessKeyUnknown", Platform, permanent, "The access key is our own, and the customer has no part in it: correct the key of the credential's base, or what the AWS default chain finds" + restart + ", and retry."},
	{errSession, "AccessKeyUnknown", Configuration, permanent, "See that endpoint, sts_endpoint and region are those of one store, and of the bucket's, and retry, with replan if the destination's settings have changed."},
	{awsrole.ErrBadKey, "AccessKeyUnknown", Customer, permanent, "The access key that the customer gave us was deleted or mistyped: correct the credential, or ask them for another key" + restart + ", and retry."},
	{upload.ErrBadKey, "AccessKeyUnknown", Customer, permanent, "The access key that the customer gave us was deleted or mistyped: correct the credential, or ask them for another key" + restart + ", and retry."},
	{awsrole.ErrOwnSecret, "SecretKeyWrong", Platform, permanent, "The secret access key is our own, and the customer has no part in it: correct that of the credential's base, or what the AWS default chain finds" + restart + ", and retry."},
	{awsrole.ErrSignature, "SecretKeyWrong", Configuration, permanent, "The secret access key does not belong to the access key: correct the credential" + restart + " and retry."},
	{upload.ErrSignature, "SecretKeyWrong", Configuration, permanent, "The secret access key does not belong to the access key: correct the credential" + restart + " and retry."},
	{awsrole.ErrClock, "ClockWrong", Platform, permanent, "Set the worker's clock (NTP) and retry."},
	{upload.ErrClock, "ClockWrong", Platform, permanent, "Set the worker's clock (NTP) and retry."},
	{awsrole.ErrExpired, "CredentialsExpired", Platform, transient, "Nothing at first: a fresh session is fetched. If it comes again, renew the credential's keys." + parked},
	{upload.ErrExpired, "CredentialsExpired", Platform, transient, "Nothing at first: a fresh session is fetched. If it comes again, renew the credential's keys." + parked},
	{awsrole.ErrPolicy, "SettingsRefused", Configuration, permanent, "STS does not accept the session policy: shorten the prefix, and retry with replan."},
	{awsrole.ErrRegion, "WrongRegion", Configuration, permanent, "Set the credential's region to one in which STS is active for the account, and retry."},
	{awsrole.ErrRefused, "SettingsRefused", Configuration, permanent, "Compare role_arn with the role at the customer, and sts_endpoint with the store's (one without an STS has no roles: use its keys), and retry."},
	{awsrole.ErrServer, "STSFailed", Platform, transient, "Nothing: STS failed, and it is tried again." + parked},
	{awsrole.ErrOther, "STSFailed", Platform, transient, "Look up the code that the message names in Amazon's list of STS errors."},
	{awsrole.ErrThrottled, "Throttled", Platform, transient, "Nothing: it is tried again more slowly." + parked},
	{awsrole.ErrUnreachable, "STSUnreachable", Platform, transient, "See that the worker reaches AWS STS (DNS, proxy, firewall, sts_endpoint)."},

	// The bucket.
	{upload.ErrKMS, "KMSKeyDenied", Customer, permanent, "Ask the customer to let the role use the bucket's KMS key (kms:GenerateDataKey, kms:Decrypt), and retry. If kms_key_id names a wrong one, correct it and retry with replan."},
	{upload.ErrAccessDenied, "AccessDenied", Customer, permanent, "Ask the customer to allow the role what the message names on the bucket and prefix, and retry. If their policy denies objects without some sse, acl or tags, set these and retry with replan."},
	{upload.ErrNoSuchBucket, "NoSuchBucket", Customer, permanent, "See whether the bucket was renamed or deleted; correct the destination and retry with replan, or ask the customer to make it and retry."},
	{upload.ErrWrongRegion, "WrongRegion", Configuration, permanent, "Set the region that the message names, or leave region empty, and retry with replan."},
	{upload.ErrConflict, "ObjectExists", Customer, permanent, "on_conflict is fail and an object of that name is there: have it removed and retry; or abort, and send it under another name with a new run key."},
	{upload.ErrOverwritten, TypeObjectOverwritten, Customer, permanent, "Somebody else wrote the object during the delivery: find out who, then retry, which sends it again over theirs if nothing of the delivery is visible; or abort, and send it again with a new run key."},
	{upload.ErrNoChecksum, "SettingsRefused", Configuration, permanent, "No delivery can be verified in the store at this endpoint (docs/CONFIG.md says what one must be able to do): have it upgraded, or choose another, and retry, with replan if the destination's settings have changed."},
	{upload.ErrRefused, "SettingsRefused", Configuration, permanent, "The store does not accept a setting (sse, acl, storage_class, tags): correct it and retry with replan."},
	{upload.ErrTooLarge, "ObjectTooLarge", Configuration, permanent, "S3 takes 5 TiB an object: split the files, and retry with replan."},
	{upload.ErrUploadLost, TypeUploadLost, Customer, permanent, "The bucket's lifecycle rule removes unfinished uploads too early: have it made longer than the longest run, and retry."},
	{upload.ErrThrottled, "Throttled", Customer, transient, "Nothing: it is tried again more slowly." + parked},
	{upload.ErrUnreachable, "S3Unreachable", Platform, transient, "See that the worker reaches the bucket's endpoint (DNS, proxy, firewall). If the settings name a wrong one, correct it and retry with replan."},
	{upload.ErrBusy, "ObjectBusy", Customer, transient, "Somebody else writes the same object: it is tried again." + parked},
	{upload.ErrServer, "S3Failed", Platform, transient, "Nothing: S3 failed, and it is tried again." + parked},
	{upload.ErrOther, "S3Failed", Platform, transient, "Look up the code that the message names in Amazon's list of S3 errors."},

	// What follows a delivery. All of it is asked of our own side's services, so the customer has no part in it.
	{lambda.ErrFunction, "FunctionFailed", Configuration, permanent, "Look at the function's log for the request that the message names; correct the function and retry: it is given the same idempotency token."},
	{redshift.ErrFailed, TypeLoadFailed, Configuration, permanent, "Look at sys_load_error_detail (or stl_load_errors) for the query that the message names; mend the table, its rights or the IAM role that reads the bucket, and retry."},
	{redshift.ErrRows, TypeLoadFailed, Configuration, permanent, "Compare the dialect of the files with the COPY statement (starter plan prints it), and see that nobody changed the objects; then retry."},
	{redshift.ErrStopped, TypeLoadFailed, Platform, permanent, "Find out who cancelled it, or which limit of Redshift did (a day, a WLM rule), and retry."},
	{redshift.ErrElsewhere, TypeLoadFailed, Configuration, permanent, "Find out in which table the rows belong: the configuration named another one when they were loaded. If they are to stay there, abort. If not, delete them there, and the load's row in the ledger, and retry."},
	{redshift.ErrUncertain, TypeLoadUncertain, Platform, permanent, "Look whether the table has the rows (sys_load_history). If it has, abort: the delivery stays as it is. If not, retry: it is loaded again. A ledger answers this by itself."},
	{awserror.ErrDenied, "ServiceDenied", Configuration, permanent, "Allow the credential what the message names (docs/CONFIG.md lists the rights), and retry."},
	{awserror.ErrNotFound, "ServiceNotFound", Configuration, permanent, "See whether the function, cluster, workgroup or secret has the name, the region and the account that the configuration says, and retry when it is there."},
	{awserror.ErrRefused, "ServiceRefused", Configuration, permanent, "The service does not accept what the configuration asks for: make what the message names as the service wants it, and retry."},
	{awserror.ErrBadKey, "AccessKeyUnknown", Configuration, permanent, "The access key was deleted or mistyped: correct the credential" + restart + " and retry."},
	{awserror.ErrSignature, "SecretKeyWrong", Configuration, permanent, "Correct the credential's secret access key" + restart + ", or set the worker's clock (NTP), and retry."},
	{awserror.ErrExpired, "CredentialsExpired", Platform, transient, "Nothing at first: a fresh session is fetched. If it comes again, renew the credential's keys." + parked},
	{awserror.ErrThrottled, "Throttled", Platform, transient, "Nothing: it is tried again more slowly. If it comes again, raise the quota or the function's concurrency." + parked},
	{awserror.ErrServer, "ServiceFailed", Platform, transient, "Nothing: the service failed, and it is tried again." + parked},
	{awserror.ErrUnreachable, "ServiceUnreachable", Platform, transient, "See that the worker reaches the service's endpoint (DNS, proxy, firewall)."},

	{ErrTurnSilent, "TurnSilent", Platform, transient, "A run stays on the task queue on which it began, also if temporal.task_queue has another name by now: have a worker run for the one that the message names until its runs are over."},
	{ErrNotItsTurn, "NotItsTurn", Platform, transient, "Nothing: it goes on when the other run is over; if it is parked by then, retry it."},

	// The host.
	{workspace.ErrGone, "WorkspaceGone", Platform, transient, "See that the disk of workspace.dir is mounted on the worker's host, and start the worker again."},
	{workspace.ErrNoSpace, "DiskFull", Platform, transient, "Free disk on the worker's host, or give workspace.dir a larger one."},
	{source.ErrNoSpace, "DiskFull", Platform, transient, "Free disk on the worker's host, or give workspace.dir a larger one."},
	{workspace.ErrCorrupt, TypeFilesLost, Platform, permanent, "Files on the host's disk were damaged: retry renders them anew."},
	{workspace.ErrMissing, TypeFilesLost, Platform, permanent, "Files on the host's disk are gone: retry renders them anew."},
	{upload.ErrMismatch, TypeFilesLost, Platform, permanent, "The bytes in S3 are not the ones that were made: retry renders and sends them anew."},
	{defect.Err, "Bug", Platform, permanent, "Report it, with the message and the kind of value that the step was at; the rest of Consign goes on."},
	{secret.ErrMarshal, "Bug", Platform, permanent, "This is a defect of Consign: a secret was about to be written. Report it."},
}
