package upload_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/upload"
)

func TestValidateSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		options upload.Options
		want    string // key: message, or empty
	}{
		"nothing decided":            {upload.Options{}, ""},
		"a bucket":                   {upload.Options{Bucket: "acme-inbound.example"}, ""},
		"an access point":            {upload.Options{Bucket: "arn:aws:s3:eu-west-1:123456789012:accesspoint/inbound"}, ""},
		"capitals in a bucket":       {upload.Options{Bucket: "Acme"}, "bucket: "},
		"a prefix in a bucket":       {upload.Options{Bucket: "acme/upload"}, "bucket: "},
		"a short bucket":             {upload.Options{Bucket: "ab"}, "bucket: "},
		"an address as a bucket":     {upload.Options{Bucket: "192.168.1.1"}, "bucket: "},
		"two points":                 {upload.Options{Bucket: "a..b"}, "bucket: "},
		"an ARN of a bucket":         {upload.Options{Bucket: "arn:aws:s3:::acme"}, "bucket: "},
		"another region":             {upload.Options{Bucket: "arn:aws:s3:eu-west-1:123456789012:accesspoint/in", Region: "us-east-1"}, "region: "},
		"no region":                  {upload.Options{Region: "Frankfurt!"}, "region: "},
		"an endpoint":                {upload.Options{Endpoint: "https://s3.example.com:9000/"}, ""},
		"an endpoint without scheme": {upload.Options{Endpoint: "s3.example.com"}, "endpoint: this is not a URL"},
		"an endpoint with a bucket":  {upload.Options{Endpoint: "https://s3.example.com/acme"}, "endpoint: only scheme"},
		"an endpoint with a key":     {upload.Options{Endpoint: "https://u:p@s3.example.com"}, "endpoint: only scheme"},
		"an endpoint's other scheme": {upload.Options{Endpoint: "ftp://s3.example.com"}, "endpoint: this is not a URL"},
		"an endpoint without a host": {upload.Options{Endpoint: "https:///acme"}, "endpoint: this is not a URL"},
		"an endpoint with a query":   {upload.Options{Endpoint: "https://s3.example.com?list"}, "endpoint: only scheme"},
		"sse":                        {upload.Options{SSE: "aes"}, `sse: "aes" is not one of none, s3, kms`},
		"a key without kms":          {upload.Options{SSE: "s3", KMSKeyID: "k"}, "kms_key_id: "},
		"a key alone":                {upload.Options{KMSKeyID: "k"}, ""},
		"acl":                        {upload.Options{ACL: "public-read"}, "acl: "},
		"on_conflict":                {upload.Options{OnConflict: "ask"}, "on_conflict: "},
		"a storage class":            {upload.Options{StorageClass: "standard"}, "storage_class: "},
		"a class to restore from":    {upload.Options{StorageClass: "GLACIER"}, "storage_class: "},
		"an owner":                   {upload.Options{BucketOwner: "012345678901"}, ""},
		"an owner read as a number":  {upload.Options{BucketOwner: "12345678901"}, "bucket_owner: "},
		"a small part":               {upload.Options{PartSize: 1 << 20}, "part_size: "},
		"an immense part":            {upload.Options{PartSize: 6 << 30}, "part_size: "},
		"concurrency":                {upload.Options{Concurrency: 65}, "concurrency: "},
		"the most at once":           {upload.Options{Concurrency: 64}, ""},
		"ten tags":                   {upload.Options{Tags: map[string]string{"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "", "h": "", "i": "", "j": ""}}, ""},
		"less than none":             {upload.Options{Concurrency: -1}, "concurrency: "},
		"eleven tags":                {upload.Options{Tags: map[string]string{"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "", "h": "", "i": "", "j": "", "k": ""}}, "tags: 11 tags"},
		"a tag of Amazon's":          {upload.Options{Tags: map[string]string{"aws:x": ""}}, "tags: "},
		"a tag's character":          {upload.Options{Tags: map[string]string{"a": "b&c"}}, "tags: "},
		"a tag of characters":        {upload.Options{Tags: map[string]string{strings.Repeat("部", 128): strings.Repeat("署", 256)}}, ""},
		"a tag's key":                {upload.Options{Tags: map[string]string{"a&c": "b"}}, "tags: "},
		"a tag without a key":        {upload.Options{Tags: map[string]string{"": "b"}}, "tags: "},
		"a key's length":             {upload.Options{Tags: map[string]string{strings.Repeat("x", 129): "b"}}, "tags: "},
		"a tag's length":             {upload.Options{Tags: map[string]string{"a": strings.Repeat("x", 257)}}, "tags: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := tc.options.Validate()
			if tc.want == "" {
				require.Empty(t, list)
				return
			}
			require.Len(t, list, 1)
			require.True(t, strings.HasPrefix(list[0].Error(), tc.want), list[0].Error())
			require.NotContains(t, list.Error(), "u:p@")
		})
	}
	require.NoError(t, upload.Options{StorageClass: "GLACIER"}.Validate().Err(), "only a warning")
}

func TestOpenRefusesWhatValidateRefuses(t *testing.T) {
	t.Parallel()
	_, err := new(upload.Connections).Open(t.Context(), owner(), upload.Options{Bucket: "Acme"})
	require.ErrorContains(t, err, "bucket: ")
}

func TestTheJSONTagsAreTheSettings(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(upload.Options{
		Bucket: "b", Region: "r", Endpoint: "e", SSE: "s3", KMSKeyID: "k", ACL: "a", StorageClass: "c", BucketOwner: "o", OnConflict: "fail",
		PathStyle: true, Tags: map[string]string{"t": "v"}, PartSize: 1, Concurrency: 2, Attempts: 3, Stall: 4,
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"bucket":"b","region":"r","endpoint":"e","sse":"s3","kms_key_id":"k","acl":"a","storage_class":"c","bucket_owner":"o","on_conflict":"fail","path_style":true,"tags":{"t":"v"},"part_size":1,"concurrency":2}`, string(text))
}
