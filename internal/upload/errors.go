package upload

import "errors"

// What can go wrong. Every error of this package says what was being done with which object, and wraps one of these,
// or an error of the credentials' provider, or of the file that is read.
var (
	// ErrAccessDenied: S3 knows us and refuses. The error names the right that is missing. The bucket's owner mends it.
	ErrAccessDenied = errors.New("access denied")
	// ErrKMS: the key that encrypts the bucket's objects is not there, disabled, or not ours to use.
	ErrKMS = errors.New("the encryption key cannot be used")
	// ErrNoSuchBucket: there is no bucket, or access point, of this name.
	ErrNoSuchBucket = errors.New("there is no such bucket")
	// ErrWrongRegion: the bucket is in another region than the settings say. The error names it.
	ErrWrongRegion = errors.New("the bucket is in another region")
	// ErrExpired: the session has expired. The next try gets a new one.
	ErrExpired = errors.New("the credentials have expired")
	// ErrBadKey: S3 does not know the access key, or its session token.
	ErrBadKey = errors.New("the access key is not known")
	// ErrSignature: the secret key is not the one that belongs to the access key.
	ErrSignature = errors.New("the secret access key is wrong")
	// ErrClock: this host's clock is more than 15 minutes wrong.
	ErrClock = errors.New("this host's clock is wrong")
	// ErrThrottled: S3 asks for less. See Error.RetryAfter.
	ErrThrottled = errors.New("too many requests for now")
	// ErrServer: S3 failed. It is worth trying again.
	ErrServer = errors.New("the store failed")
	// ErrUnreachable: no connection, or one that broke or stalled. It is worth trying again.
	ErrUnreachable = errors.New("the store cannot be reached")
	// ErrUploadLost: the upload is not there any more and the object is not ours: it was aborted, by a lifecycle rule
	// for example. The file has to be sent again in a new upload.
	ErrUploadLost = errors.New("the upload is not there any more")
	// ErrMismatch: bytes differ: between the file and its recorded checksum, or between the file and S3's parts.
	ErrMismatch = errors.New("the bytes are not the ones that were recorded")
	// ErrNoChecksum: the store keeps no checksums of the parts that it is sent, or knows none of a whole object. Nothing can be
	// verified there, or nothing completed.
	ErrNoChecksum = errors.New("the store has no such checksums")
	// ErrConflict: there is an object of this name, and on_conflict is fail.
	ErrConflict = errors.New("an object of this name is there already")
	// ErrOverwritten: the upload is gone and under its name lies an object that is not ours.
	ErrOverwritten = errors.New("another object lies under this name")
	// ErrBusy: somebody else is writing the same object, and has been for all our tries.
	ErrBusy = errors.New("the object is being written by somebody else")
	// ErrRefused: S3 does not accept the request as the settings make it; trying again will not help.
	ErrRefused = errors.New("the store does not accept the settings")
	// ErrTooLarge: the object is larger than S3 allows.
	ErrTooLarge = errors.New("the object is too large")
	// ErrOther: a code that this package does not know. It is worth trying again.
	ErrOther = errors.New("the store answered with an error")
)

// failures is S3's codes and what they mean here.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and MinIO's cmd/api-errors.go.
var failures = map[string]error{
	"AccessDenied":                    ErrAccessDenied,
	"AccessDeniedException":           ErrAccessDenied,
	"AllAccessDisabled":               ErrAccessDenied,
	"AccountProblem":                  ErrAccessDenied,
	"AccessControlListNotSupported":   ErrRefused,
	"InvalidObjectState":              ErrRefused,
	"NotSignedUp":                     ErrAccessDenied,
	"InvalidPayer":                    ErrAccessDenied,
	"UnauthorizedAccess":              ErrAccessDenied,
	"UnauthorizedAccessError":         ErrAccessDenied,
	"CrossLocationLoggingProhibited":  ErrRefused,
	"NoSuchBucket":                    ErrNoSuchBucket,
	"NoSuchAccessPoint":               ErrNoSuchBucket,
	"InvalidBucketName":               ErrNoSuchBucket,
	"InvalidAccessPoint":              ErrNoSuchBucket,
	"PermanentRedirect":               ErrWrongRegion,
	"TemporaryRedirect":               ErrWrongRegion,
	"Redirect":                        ErrWrongRegion,
	"MovedPermanently":                ErrWrongRegion,
	"AuthorizationHeaderMalformed":    ErrWrongRegion,
	"IllegalLocationConstraint":       ErrWrongRegion,
	"XMinioInvalidRegion":             ErrWrongRegion,
	"ExpiredToken":                    ErrExpired,
	"ExpiredTokenException":           ErrExpired,
	"TokenRefreshRequired":            ErrExpired,
	"RequestExpired":                  ErrExpired,
	"InvalidAccessKeyId":              ErrBadKey,
	"InvalidToken":                    ErrBadKey,
	"InvalidTokenId":                  ErrBadKey,
	"InvalidClientTokenId":            ErrBadKey,
	"UnrecognizedClientException":     ErrBadKey,
	"InvalidSecurity":                 ErrBadKey,
	"SignatureDoesNotMatch":           ErrSignature,
	"RequestTimeTooSkewed":            ErrClock,
	"SlowDown":                        ErrThrottled,
	"SlowDownRead":                    ErrThrottled,
	"SlowDownWrite":                   ErrThrottled,
	"Throttling":                      ErrThrottled,
	"ThrottlingException":             ErrThrottled,
	"RequestLimitExceeded":            ErrThrottled,
	"BandwidthLimitExceeded":          ErrThrottled,
	"TooManyRequests":                 ErrThrottled,
	"TooManyRequestsException":        ErrThrottled,
	"ServiceUnavailable":              ErrThrottled,
	"InternalError":                   ErrServer,
	"RequestTimeout":                  ErrServer,
	"IncompleteBody":                  ErrServer,
	"XMinioServerNotInitialized":      ErrServer,
	"XMinioStorageFull":               ErrServer,
	"NoSuchUpload":                    ErrUploadLost,
	"BadDigest":                       ErrMismatch,
	"InvalidDigest":                   ErrMismatch,
	"XAmzContentChecksumMismatch":     ErrMismatch,
	"XAmzContentSHA256Mismatch":       ErrMismatch,
	"InvalidPart":                     ErrMismatch,
	"InvalidPartOrder":                ErrMismatch,
	"EntityTooSmall":                  ErrMismatch,
	"PreconditionFailed":              ErrConflict,
	"OperationAborted":                ErrBusy,
	"ConditionalRequestConflict":      ErrBusy,
	"EntityTooLarge":                  ErrTooLarge,
	"InvalidArgument":                 ErrRefused,
	"InvalidRequest":                  ErrRefused,
	"InvalidStorageClass":             ErrRefused,
	"InvalidTag":                      ErrRefused,
	"InvalidEncryptionAlgorithmError": ErrRefused,
	"KeyTooLongError":                 ErrRefused,
	"MalformedXML":                    ErrRefused,
	"MetadataTooLarge":                ErrRefused,
	"MethodNotAllowed":                ErrRefused,
	"NotImplemented":                  ErrRefused,
	"ServerSideEncryptionConfigurationNotFoundError": ErrRefused,
	"IllegalLocationConstraintException":             ErrWrongRegion,
	"XNotImplemented":                                ErrRefused,
	"XMinioObjectExistsAsDirectory":                  ErrConflict,
	"XMinioInvalidObjectName":                        ErrRefused,
	"KMSNotConfigured":                               ErrKMS,
	"KMS.ThrottlingException":                        ErrThrottled, // the quota of the key's account, which S3 uses for it
}

// statuses is for answers without a code: to HEAD, and of proxies in between.
var statuses = map[int]error{
	301: ErrWrongRegion, 307: ErrWrongRegion,
	400: ErrRefused, 403: ErrAccessDenied, 405: ErrRefused, 408: ErrServer, 409: ErrBusy, 411: ErrRefused,
	412: ErrConflict, 413: ErrTooLarge, 429: ErrThrottled,
	500: ErrServer, 501: ErrRefused, 502: ErrServer, 503: ErrThrottled, 504: ErrServer,
}

// errEmpty is an answer that says nothing of what was asked, though it is one of success: of a gateway in between, say, that
// answers with no body or a page of its own.
var errEmpty = &Error{cause: ErrServer, detail: "its answer does not say what came of the request"}
