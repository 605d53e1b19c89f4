package upload_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/upload"
)

// TestEveryRequestNamesTheOwnerOfTheBucket: a bucket that somebody else has made under its name gets and tells nothing.
func TestEveryRequestNamesTheOwnerOfTheBucket(t *testing.T) {
	t.Parallel()
	const owner = "123456789012"
	var mu sync.Mutex
	named := map[string]bool{}
	rules := []*rule{refuse("head", 1, 403, "")} // so that it lists
	for _, op := range []string{"create", "part", "parts", "complete", "abort", "uploads", "head", "list", "put", "get"} {
		named[op] = false
		rules = append(rules, &rule{op, -1, func(w http.ResponseWriter, r *http.Request, p *proxy) {
			mu.Lock()
			named[op] = r.Header.Get("X-Amz-Expected-Bucket-Owner") == owner
			mu.Unlock()
			p.store.ServeHTTP(w, r)
		}})
	}
	o := options(newBucket(t))
	o.Endpoint, o.BucketOwner = newProxy(t, store.Endpoint, rules...).URL, owner
	b := open(t, o)
	_, _, err := b.Look(t.Context(), upload.Object{Key: "k"})
	require.NoError(t, err)
	_, err = b.Start(t.Context(), object("k", []byte("a stray")))
	require.NoError(t, err)
	ob, id := opened(t, b, "k", []byte("ours"))
	require.NoError(t, b.AbortStrays(t.Context(), "k", id))
	_, err = b.Complete(t.Context(), ob, id)
	require.NoError(t, err)
	_, _, err = b.Look(t.Context(), ob)
	require.NoError(t, err)
	_, err = b.Put(t.Context(), upload.Object{Key: "receipt", Delivery: "d"}, []byte("{}"))
	require.NoError(t, err)
	_, err = b.Read(t.Context(), "receipt", "d", 100)
	require.NoError(t, err)
	for op, yes := range named {
		require.True(t, yes, op)
	}
}

// TestS3IsToldWhatToCompareTheObjectWith: it refuses what is not whole, even if we have looked at something else before.
func TestS3IsToldWhatToCompareTheObjectWith(t *testing.T) {
	t.Parallel()
	var completed, put http.Header
	b, _ := faulty(t, newBucket(t), 1,
		&rule{"complete", 1, func(w http.ResponseWriter, r *http.Request, p *proxy) { completed = r.Header; p.store.ServeHTTP(w, r) }},
		&rule{"put", 1, func(w http.ResponseWriter, r *http.Request, p *proxy) { put = r.Header; p.store.ServeHTTP(w, r) }})
	o, id := opened(t, b, "k", []byte("ours"))
	_, err := b.Complete(t.Context(), o, id)
	require.NoError(t, err)
	require.Equal(t, "4", completed.Get("X-Amz-Mp-Object-Size"))
	require.Equal(t, o.CRC32C, completed.Get("X-Amz-Checksum-Crc32c"))
	require.Equal(t, "FULL_OBJECT", completed.Get("X-Amz-Checksum-Type"))
	_, err = b.Put(t.Context(), upload.Object{Key: "small", Delivery: "d"}, []byte("ours"))
	require.NoError(t, err)
	require.Equal(t, o.CRC32C, put.Get("X-Amz-Checksum-Crc32c"))
}

func TestAnObjectWithAnotherChecksumIsNoSuccess(t *testing.T) {
	t.Parallel()
	b, _ := faulty(t, newBucket(t), 1, &rule{"complete", 1, func(w http.ResponseWriter, _ *http.Request, _ *proxy) {
		_, _ = w.Write([]byte(`<CompleteMultipartUploadResult><ETag>"0"</ETag><ChecksumCRC32C>AAAAAA==</ChecksumCRC32C></CompleteMultipartUploadResult>`))
	}})
	o, id := opened(t, b, "k", []byte("ours"))
	_, err := b.Complete(t.Context(), o, id)
	require.ErrorIs(t, err, upload.ErrMismatch)
}

// TestAnObjectThatIsThereIsASuccessAlthoughItsOtherUploadStays: that one is the lifecycle rule's.
func TestAnObjectThatIsThereIsASuccessAlthoughItsOtherUploadStays(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	b, p := faulty(t, bucket, 1, refuse("complete", -1, 500, "InternalError"), refuse("abort", -1, 403, "AccessDenied"))
	o, first := opened(t, b, "k", []byte("ours"))
	_, err := open(t, options(bucket)).Complete(t.Context(), o, first)
	require.NoError(t, err)
	o, second := opened(t, b, "k", []byte("ours"))
	_, err = b.Complete(t.Context(), o, second)
	require.NoError(t, err)
	require.Equal(t, 1, p.count("abort"))
}

// TestObjectsAreStoredAsTheSettingsSay: MinIO keeps neither keys nor access control lists, so it is told here what S3 is asked.
func TestObjectsAreStoredAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for name, tc := range map[string]struct {
		set           func(o *upload.Options)
		sse, key, acl string
	}{
		"nothing is set":         {func(*upload.Options) {}, "", "", ""},
		"nothing is to be asked": {func(o *upload.Options) { o.SSE, o.ACL = "none", "none" }, "", "", ""},
		"S3's own keys":          {func(o *upload.Options) { o.SSE = "s3" }, "AES256", "", ""},
		"KMS":                    {func(o *upload.Options) { o.SSE = "kms" }, "aws:kms", "", ""},
		"a key of KMS":           {func(o *upload.Options) { o.KMSKeyID = "alias/acme" }, "aws:kms", "alias/acme", ""},
		"access for the owner":   {func(o *upload.Options) { o.ACL = "bucket-owner-full-control" }, "", "", "bucket-owner-full-control"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []http.Header
			note := func(w http.ResponseWriter, r *http.Request, _ *proxy) {
				asked = append(asked, r.Header)
				answer(w, r, 403, "AccessDenied")
			}
			o := options(bucket)
			tc.set(&o)
			o.Endpoint = newProxy(t, store.Endpoint, &rule{"create", -1, note}, &rule{"put", -1, note}).URL
			b := open(t, o)
			_, err := b.Start(t.Context(), object("k", []byte("x")))
			require.ErrorIs(t, err, upload.ErrAccessDenied)
			_, err = b.Put(t.Context(), upload.Object{Key: "k"}, []byte("x"))
			require.ErrorIs(t, err, upload.ErrAccessDenied)
			require.Len(t, asked, 2)
			for _, header := range asked {
				require.Equal(t, tc.sse, header.Get("X-Amz-Server-Side-Encryption"))
				require.Equal(t, tc.key, header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"))
				require.Equal(t, tc.acl, header.Get("X-Amz-Acl"))
			}
		})
	}
}

// Some stores take the setting and store what they are sent as it is.
func TestAStoreThatDoesNotEncryptIsFoundByATry(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set  func(o *upload.Options)
		says string // the store
		ok   bool
	}{
		"nothing was asked":    {func(*upload.Options) {}, "", true},
		"S3's own keys":        {func(o *upload.Options) { o.SSE = "s3" }, "AES256", true},
		"none, where S3's are": {func(o *upload.Options) { o.SSE = "s3" }, "", false},
		"a key of KMS":         {func(o *upload.Options) { o.KMSKeyID = "alias/acme" }, "aws:kms", true},
		"none, where KMS's is": {func(o *upload.Options) { o.KMSKeyID = "alias/acme" }, "", false},
		"S3's, for one of KMS": {func(o *upload.Options) { o.SSE = "kms" }, "AES256", false},
	} {
		for _, saidBy := range []string{"create", "part"} {
			t.Run(name+", said by "+saidBy, func(t *testing.T) {
				t.Parallel()
				bucket := newBucket(t)
				plain := open(t, options(bucket)) // MinIO has no keys: it is not asked to encrypt
				id, err := plain.Start(t.Context(), object("k", []byte("x")))
				require.NoError(t, err)
				o := options(bucket)
				tc.set(&o)
				o.Endpoint = newProxy(t, store.Endpoint, &rule{"create", -1, func(w http.ResponseWriter, _ *http.Request, _ *proxy) {
					if saidBy == "create" {
						w.Header().Set("X-Amz-Server-Side-Encryption", tc.says)
					}
					fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
				}}, &rule{"part", -1, func(w http.ResponseWriter, r *http.Request, p *proxy) {
					if saidBy == "part" {
						w.Header().Set("X-Amz-Server-Side-Encryption", tc.says)
					}
					p.store.ServeHTTP(w, r)
				}}).URL
				err = open(t, o).Try(t.Context(), "k")
				if tc.ok {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, upload.ErrRefused)
					require.ErrorContains(t, err, "the store does not say that it encrypts so")
				}
				require.Zero(t, openUploads(t, plain, "k"))
			})
		}
	}
}

// TestListsAreReadToTheirEnd: S3 answers at most 1,000 at once.
func TestListsAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	list := func(op, marker, first, rest string) *rule {
		return &rule{op, 2, func(w http.ResponseWriter, r *http.Request, _ *proxy) {
			text := first
			if r.URL.Query().Get(marker) == "1" {
				text = rest
			}
			_, _ = w.Write([]byte("<List>" + text + "</List>"))
		}}
	}
	part := func(number int) string {
		return fmt.Sprintf("<Part><PartNumber>%d</PartNumber><Size>1</Size><ChecksumCRC32C>%s</ChecksumCRC32C></Part>", number, upload.Checksum([]byte("x")))
	}
	b, _ := faulty(t, newBucket(t), 1,
		list("uploads", "upload-id-marker", "<IsTruncated>true</IsTruncated><NextUploadIdMarker>1</NextUploadIdMarker><Upload><Key>k</Key><UploadId>1</UploadId></Upload>",
			"<Upload><Key>k</Key><UploadId>2</UploadId></Upload>"),
		list("parts", "part-number-marker", "<IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker>"+part(1), part(2)))
	found, err := b.Find(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2"}, found)
	require.NoError(t, b.Verify(t.Context(), object("k", []byte("xx")), "id"))
}

// TestATryNeedsWhatADeliveryNeeds: Send and Complete list the parts.
func TestATryNeedsWhatADeliveryNeeds(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"create", "part", "parts", "abort"} {
		b, _ := faulty(t, newBucket(t), 1, refuse(op, -1, 403, "AccessDenied"))
		require.ErrorIs(t, b.Try(t.Context(), "k"), upload.ErrAccessDenied, op)
	}
}

func TestAStoreThatKeepsNoChecksumsIsFoundByATry(t *testing.T) {
	t.Parallel()
	b, _ := faulty(t, newBucket(t), 1, &rule{"parts", -1, func(w http.ResponseWriter, r *http.Request, p *proxy) {
		held := httptest.NewRecorder()
		p.store.ServeHTTP(held, r)
		_, _ = w.Write(bytes.ReplaceAll(held.Body.Bytes(), []byte("ChecksumCRC32C>"), []byte("Nothing>")))
	}})
	err := b.Try(t.Context(), "k")
	require.ErrorIs(t, err, upload.ErrNoChecksum)
	require.NotErrorIs(t, err, upload.ErrMismatch, "no other bytes would help")
	require.ErrorContains(t, err, "it lists part 1 without its CRC32C")
	require.Zero(t, openUploads(t, b, "k"))
}

// MinIO of before 2025 names the algorithm and no type, and refuses to complete.
func TestAStoreThatKnowsNoChecksumsOfWholeObjectsIsFoundByATry(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]func(http.Header){
		"no type":      func(h http.Header) { h.Del("X-Amz-Checksum-Type") },
		"another type": func(h http.Header) { h.Set("X-Amz-Checksum-Type", "COMPOSITE") },
		"nothing": func(h http.Header) { // of which nothing follows: MinIO completes it
			h.Del("X-Amz-Checksum-Type")
			h.Del("X-Amz-Checksum-Algorithm")
		},
	} {
		b, _ := faulty(t, newBucket(t), 1, &rule{"create", -1, func(w http.ResponseWriter, r *http.Request, p *proxy) {
			made := httptest.NewRecorder()
			p.store.ServeHTTP(made, r)
			require.NotEmpty(t, made.Header().Get("X-Amz-Checksum-Type"))
			alter(made.Header())
			maps.Copy(w.Header(), made.Header())
			_, _ = w.Write(made.Body.Bytes())
		}})
		err := b.Try(t.Context(), "k")
		if name == "nothing" {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, upload.ErrNoChecksum, name)
			require.ErrorContains(t, err, "and not the whole object")
		}
		require.Zero(t, openUploads(t, b, "k"), name)
	}
}

func TestATryThatIsCancelledLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b, _ := faulty(t, newBucket(t), 1, &rule{"part", 1, func(w http.ResponseWriter, _ *http.Request, _ *proxy) { cancel(); reset(w) }})
	require.ErrorIs(t, b.Try(ctx, "k"), context.Canceled)
	require.Zero(t, openUploads(t, b, "k"))
}
