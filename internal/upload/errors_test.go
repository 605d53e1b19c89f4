package upload_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"consign/internal/upload"
)

func TestEveryCodeOfS3HasAName(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for code, tc := range map[string]struct {
		status int
		want   error
		says   string
	}{
		"AccessDenied":                  {403, upload.ErrAccessDenied, "needs s3:PutObject on arn:aws:s3:::" + bucket + "/k"},
		"AllAccessDisabled":             {403, upload.ErrAccessDenied, ""},
		"NoSuchBucket":                  {404, upload.ErrNoSuchBucket, ""},
		"NoSuchAccessPoint":             {404, upload.ErrNoSuchBucket, ""},
		"PermanentRedirect":             {301, upload.ErrWrongRegion, "it is in eu-central-1, not in us-east-1"},
		"AuthorizationHeaderMalformed":  {400, upload.ErrWrongRegion, "it is in eu-central-1"},
		"ExpiredToken":                  {400, upload.ErrExpired, ""},
		"InvalidAccessKeyId":            {403, upload.ErrBadKey, ""},
		"InvalidToken":                  {400, upload.ErrBadKey, ""},
		"SignatureDoesNotMatch":         {403, upload.ErrSignature, ""},
		"RequestTimeTooSkewed":          {403, upload.ErrClock, ""},
		"SlowDown":                      {503, upload.ErrThrottled, ""},
		"ServiceUnavailable":            {503, upload.ErrThrottled, ""},
		"InternalError":                 {500, upload.ErrServer, ""},
		"KMS.DisabledException":         {400, upload.ErrKMS, ""},
		"KMS.NotFoundException":         {400, upload.ErrKMS, ""},
		"KMS.ThrottlingException":       {400, upload.ErrThrottled, ""},
		"KMS.KMSInternalException":      {500, upload.ErrServer, ""},
		"InvalidStorageClass":           {400, upload.ErrRefused, ""},
		"AccessControlListNotSupported": {400, upload.ErrRefused, ""},
		"NotImplemented":                {501, upload.ErrRefused, ""},
		"EntityTooLarge":                {400, upload.ErrTooLarge, ""},
		"RequestTimeout":                {400, upload.ErrServer, ""},
		"IncompleteBody":                {400, upload.ErrServer, ""},
		"XMinioStorageFull":             {507, upload.ErrServer, ""},
		"TokenRefreshRequired":          {400, upload.ErrExpired, ""},
		"BandwidthLimitExceeded":        {400, upload.ErrThrottled, ""},
		"InvalidPart":                   {400, upload.ErrMismatch, ""},
		"EntityTooSmall":                {400, upload.ErrMismatch, ""},
		"KMSNotConfigured":              {501, upload.ErrKMS, ""},
		"SomethingNew":                  {418, upload.ErrOther, ""},
		"SomethingNew5":                 {599, upload.ErrServer, ""},
		"SomethingNew3":                 {403, upload.ErrAccessDenied, "needs s3:PutObject"},

		"IllegalLocationConstraintException": {400, upload.ErrWrongRegion, "it is in eu-central-1"},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, store.Endpoint, refuse("create", -1, tc.status, code, "X-Amz-Bucket-Region", "eu-central-1"))
			o := options(bucket)
			o.Endpoint, o.Attempts = p.URL, 1
			creds := aws.Credentials{AccessKeyID: "AKIASECRETIDSECRETID", SecretAccessKey: "the-secret", SessionToken: "the-session-token"}
			b, err := new(upload.Connections).Open(t.Context(), credentials.StaticCredentialsProvider{Value: creds}, o)
			require.NoError(t, err)
			_, err = b.Start(t.Context(), object("k", []byte("x")))
			require.ErrorIs(t, err, tc.want)
			require.ErrorContains(t, err, "open upload of "+bucket+"/k: ")
			require.ErrorContains(t, err, tc.says)
			if code == "SignatureDoesNotMatch" {
				require.NotContains(t, err.Error(), "about", "S3 repeats what was signed for this code")
			}
			var e *upload.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, code, e.Code)
			require.Equal(t, tc.status, e.Status)
			var sdk smithy.APIError
			require.NotErrorAs(t, err, &sdk, "the SDK's own error is in the chain")
			for _, hidden := range []string{creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken, "Signature="} {
				require.NotContains(t, err.Error(), hidden)
			}
		})
	}
}

// TestAnAnswerWithoutACodeIsKnownByItsStatus: gateways in between give none.
func TestAnAnswerWithoutACodeIsKnownByItsStatus(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for status, want := range map[int]error{
		400: upload.ErrRefused, 403: upload.ErrAccessDenied, 405: upload.ErrRefused, 408: upload.ErrServer, 409: upload.ErrBusy, 411: upload.ErrRefused, 412: upload.ErrConflict,
		413: upload.ErrTooLarge, 418: upload.ErrOther, 429: upload.ErrThrottled, 500: upload.ErrServer, 501: upload.ErrRefused, 502: upload.ErrServer, 503: upload.ErrThrottled, 504: upload.ErrServer,
	} {
		b, _ := faulty(t, bucket, 1, refuse("create", 1, status, ""))
		_, err := b.Start(t.Context(), object("k", []byte("x")))
		require.ErrorIs(t, err, want, status)
	}
}

// Stores that are not Amazon's, and Amazon's now and then, name the region in their words alone.
func TestAWrongRegionIsToldInTheStoresWords(t *testing.T) {
	t.Parallel()
	p := newProxy(t, store.Endpoint, &rule{"create", -1, func(w http.ResponseWriter, _ *http.Request, _ *proxy) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the region is wrong; expecting 'eu-nl-1'</Message></Error>`)
	}})
	o := options(newBucket(t))
	o.Endpoint, o.Attempts = p.URL, 1
	_, err := open(t, o).Start(t.Context(), object("k", []byte("x")))
	require.ErrorIs(t, err, upload.ErrWrongRegion)
	require.ErrorContains(t, err, "expecting 'eu-nl-1'", "it is to be set")
}

func TestAMissingRightIsNamedWithAllThatTheSettingsNeed(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	p := newProxy(t, store.Endpoint, refuse("create", -1, 403, "AccessDenied"), refuse("abort", -1, 403, "AccessDenied"), refuse("parts", -1, 403, "AccessDenied"))
	o := options(bucket)
	o.Endpoint, o.Attempts, o.KMSKeyID, o.ACL, o.BucketOwner, o.Tags = p.URL, 1, "alias/acme", "bucket-owner-full-control", "123456789012", map[string]string{"a": "b"}
	b := open(t, o)
	_, err := b.Start(t.Context(), object("k", []byte("x")))
	require.ErrorContains(t, err, "needs s3:PutObject, s3:PutObjectAcl, s3:PutObjectTagging on arn:aws:s3:::"+bucket+"/k, and kms:GenerateDataKey and kms:Decrypt on the key alias/acme; and the bucket must belong to account 123456789012")
	require.ErrorContains(t, b.Abort(t.Context(), "k", "id"), "needs s3:AbortMultipartUpload on arn:aws:s3:::"+bucket+"/k")
	require.ErrorContains(t, b.Verify(t.Context(), object("k", []byte("x")), "id"), "needs s3:ListMultipartUploadParts on")
}

func TestMinIORefusesAsTheTableSays(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	start := func(creds aws.CredentialsProvider, o upload.Options) error {
		o.Attempts = 1
		b, err := new(upload.Connections).Open(t.Context(), creds, o)
		require.NoError(t, err)
		return b.Try(t.Context(), "k")
	}
	require.ErrorIs(t, start(credentials.NewStaticCredentialsProvider(store.AccessKey, "wrong", ""), options(bucket)), upload.ErrSignature)
	require.ErrorIs(t, start(credentials.NewStaticCredentialsProvider("nobody", "wrong", ""), options(bucket)), upload.ErrBadKey)
	require.ErrorIs(t, start(credentials.NewStaticCredentialsProvider(store.AccessKey, store.SecretKey, "wrong"), options(bucket)), upload.ErrBadKey)
	require.ErrorIs(t, start(owner(), options("not-there")), upload.ErrNoSuchBucket)
	other := options(bucket)
	other.Region = "eu-west-1"
	require.NoError(t, start(owner(), other), "MinIO without a region takes any")
	away := options(bucket)
	away.Endpoint = "http://store.invalid"
	require.ErrorIs(t, start(owner(), away), upload.ErrUnreachable)
	_, _, err := open(t, options("not-there")).Look(t.Context(), upload.Object{Key: "k"})
	require.ErrorIs(t, err, upload.ErrNoSuchBucket)

	// A session that may write under upload/ only: MinIO honours session policies.
	client := sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &store.Endpoint, Credentials: owner()})
	out, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::123456789012:role/r"), RoleSessionName: aws.String("test"),
		Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts"],"Resource":["arn:aws:s3:::` + bucket + `/upload/*"]}]}`),
	})
	require.NoError(t, err)
	session := credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	b, err := new(upload.Connections).Open(t.Context(), session, options(bucket))
	require.NoError(t, err)
	require.NoError(t, b.Try(t.Context(), "upload/k"))
	err = b.Try(t.Context(), "elsewhere/k")
	require.ErrorIs(t, err, upload.ErrAccessDenied)
	require.ErrorContains(t, err, "needs s3:PutObject on arn:aws:s3:::"+bucket+"/elsewhere/k")
	found, err := b.Find(t.Context(), "upload/k")
	require.NoError(t, err, "may not look")
	require.Empty(t, found)
}

// TestWhatDoesNotAnswerIsUnreachable: each is tried as often as the options say, since it may pass, and then told.
func TestWhatDoesNotAnswerIsUnreachable(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	var asked atomic.Int32
	count := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { asked.Add(1); h(w, r) }
	}
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it complains about clients that do not trust it
	untrusted.StartTLS()
	resetting := httptest.NewServer(count(func(w http.ResponseWriter, _ *http.Request) { reset(w) }))
	t.Cleanup(untrusted.Close)
	t.Cleanup(resetting.Close)
	for name, endpoint := range map[string]string{
		"no such name":                     "http://store.invalid",
		"nobody listens":                   "http://127.0.0.1:1",
		"a connection that is reset":       resetting.URL,
		"a certificate that nobody trusts": untrusted.URL,
		"TLS where there is none":          strings.Replace(store.Endpoint, "http:", "https:", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(bucket)
			o.Endpoint, o.Attempts = endpoint, 2
			_, err := open(t, o).Start(t.Context(), object("k", []byte("x")))
			require.ErrorIs(t, err, upload.ErrUnreachable)
			require.ErrorContains(t, err, "open upload of "+bucket+"/k: ")
			if name == "a connection that is reset" {
				require.EqualValues(t, 2, asked.Load())
			}
		})
	}
}

func TestErrorsOfTheCredentialsKeepTheirWords(t *testing.T) {
	t.Parallel()
	denied := errors.New("the role may not be assumed")
	b, err := new(upload.Connections).Open(t.Context(), aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, denied
	}), options("acme"))
	require.NoError(t, err)
	_, err = b.Start(t.Context(), object("k", []byte("x")))
	require.ErrorIs(t, err, denied)
	require.EqualError(t, err, "open upload of acme/k: the role may not be assumed")
}
