package upload_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"consign/internal/devstack"
	"consign/internal/upload"
)

// store is the MinIO of all tests of this package; each test has a bucket of its own.
var store *devstack.S3

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		store, err = devstack.StartS3(context.Background(), devstack.S3Options{Log: os.Stderr})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = store.Stop() }()
		return m.Run()
	}())
}

const mib = 1 << 20

// newBucket makes a bucket for the test, named after it.
func newBucket(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test-%x", rand.Uint64())
	require.NoError(tb, store.MakeBucket(tb.Context(), name))
	return name
}

func owner() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(store.AccessKey, store.SecretKey, "")
}

func options(bucket string) upload.Options {
	return upload.Options{Bucket: bucket, Endpoint: store.Endpoint, PathStyle: true, Region: "us-east-1", PartSize: 5 * mib}
}

func open(tb testing.TB, o upload.Options) *upload.Bucket {
	tb.Helper()
	b, err := new(upload.Connections).Open(tb.Context(), owner(), o)
	require.NoError(tb, err)
	return b
}

// content returns size bytes that look random and are always the same.
func content(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

func object(key string, data []byte) upload.Object {
	var sums upload.Summer
	sums.Write(data)
	return upload.Object{Key: key, Size: int64(len(data)), CRC32C: sums.CRC32C(), Sums: sums.Sums(), Delivery: "delivery-1", ContentType: "text/csv"}
}

// opened is an upload that holds all of data.
func opened(tb testing.TB, b *upload.Bucket, key string, data []byte) (upload.Object, string) {
	tb.Helper()
	o := object(key, data)
	id, err := b.Start(tb.Context(), o)
	require.NoError(tb, err)
	_, err = b.Send(tb.Context(), o, id, bytes.NewReader(data), nil)
	require.NoError(tb, err)
	return o, id
}

// read returns the object, or nil if it cannot be read.
func read(tb testing.TB, bucket, key string) []byte {
	tb.Helper()
	out, err := store.Client().GetObject(tb.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil
	}
	defer func() { _ = out.Body.Close() }()
	data, err := io.ReadAll(out.Body)
	require.NoError(tb, err)
	return data
}

// openUploads returns how many uploads of the key are open.
func openUploads(tb testing.TB, b *upload.Bucket, key string) int {
	tb.Helper()
	found, err := b.Find(tb.Context(), key)
	require.NoError(tb, err)
	return len(found)
}
