package upload_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/upload"
)

// A step that was asked for again after its object was complete has sent it a second time.
func TestASecondUploadOfAnObjectThatIsThereDoesNotStayOpen(t *testing.T) {
	t.Parallel()
	for _, onConflict := range []string{"overwrite", "fail"} {
		opts := options(newBucket(t))
		opts.OnConflict = onConflict
		b := open(t, opts)
		for range 2 {
			o, id := opened(t, b, "twice", []byte("ours"))
			_, err := b.Complete(t.Context(), o, id)
			require.NoError(t, err)
		}
		left, err := b.Find(t.Context(), "twice")
		require.NoError(t, err)
		require.Empty(t, left, onConflict)
	}
}

func TestWithOnConflictFailNothingIsReplacedButOurOwnIsRecognised(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	opts := options(bucket)
	opts.OnConflict = "fail"
	b := open(t, opts)
	other := upload.Object{Key: "taken", Delivery: "delivery-0"}
	_, err := b.Put(t.Context(), other, []byte("theirs"))
	require.NoError(t, err)
	_, err = b.Put(t.Context(), other, []byte("theirs"))
	require.NoError(t, err, "our own object, put again")
	other.Delivery = "delivery-1"
	_, err = b.Put(t.Context(), other, []byte("ours"))
	require.ErrorIs(t, err, upload.ErrConflict)

	o, id := opened(t, b, "taken", []byte("ours"))
	_, err = b.Complete(t.Context(), o, id)
	require.ErrorIs(t, err, upload.ErrConflict)
	require.Equal(t, []byte("theirs"), read(t, bucket, "taken"))
	require.NoError(t, b.Abort(t.Context(), o.Key, id))

	for key, want := range map[string]upload.Standing{"taken": upload.Taken, "free": upload.Free} {
		_, standing, err := b.Look(t.Context(), object(key, []byte("ours")))
		require.NoError(t, err)
		require.Equal(t, want, standing)
	}
}
