package activities

import (
	"context"
	"fmt"
	"time"

	"consign/internal/upload"
)

// successPatience is how long the answer to the success file is waited for, whoever cancels meanwhile: without it an abort
// could not tell whether the delivery is complete.
const successPatience = 20 * time.Second

// SuccessInput says where the success file goes, and what goes before it.
type SuccessInput struct {
	Target   Target    `json:"target"`
	Delivery string    `json:"delivery"`
	Key      string    `json:"key,omitempty"`   // empty: no success file
	Sides    SideFiles `json:"sides,omitzero"`  // sent and open
	Facts    *Facts    `json:"facts,omitempty"` // of a delivery without files, whose side files no host has sent
	Turn     *Claim    `json:"turn,omitempty"`  // the claim by which the run holds its turn
}

// SuccessResult says where they are.
type SuccessResult struct {
	Key      string `json:"key,omitempty"`
	Manifest string `json:"manifest,omitempty"`
	Receipt  string `json:"receipt,omitempty"`
}

// WriteSuccessFile shows receipt and manifest, and puts the empty object that says "all is there". That is the last
// thing that a delivery writes.
func (s *Steps) WriteSuccessFile(ctx context.Context, in SuccessInput) (_ SuccessResult, err error) {
	defer s.fail(ctx, "WriteSuccessFile", &err)
	defer s.renew(in.Target)(&err)
	ctx, end := watched(ctx, "WriteSuccessFile")
	defer end()
	bucket, err := s.bucket(ctx, in.Target)
	if err != nil {
		return SuccessResult{}, err
	}
	if err := s.retake(ctx, in.Turn); err != nil {
		return SuccessResult{}, err
	}
	for _, o := range in.Sides.List() {
		if _, err := bucket.Complete(ctx, o.object(in.Delivery), o.UploadID); err != nil {
			return SuccessResult{}, err
		}
	}
	result := SuccessResult{Receipt: in.Sides.Receipt.key(), Manifest: in.Sides.Manifest.key()}
	if in.Facts != nil {
		if result, err = putSides(ctx, bucket, in); err != nil {
			return SuccessResult{}, err
		}
	}
	if in.Key == "" {
		return result, nil
	}
	ctx, answered := context.WithTimeout(context.WithoutCancel(ctx), successPatience)
	defer answered()
	if _, err := bucket.Put(ctx, Empty(in.Key).object(in.Delivery), nil); err != nil {
		return SuccessResult{}, fmt.Errorf("success file: %w", err)
	}
	result.Key = in.Key
	return result, nil
}

// putSides makes and puts the side files of a delivery that has no files.
func putSides(ctx context.Context, bucket *upload.Bucket, in SuccessInput) (SuccessResult, error) {
	made, err := in.Facts.sides(in.Target, in.Delivery, nil)
	if err != nil {
		return SuccessResult{}, err
	}
	if in.Target.Upload.OnConflict == "fail" {
		if err := in.allFree(ctx, bucket, made); err != nil {
			return SuccessResult{}, err
		}
	}
	for _, side := range made {
		if _, err := bucket.Put(ctx, side.object(in.Delivery), side.text); err != nil {
			return SuccessResult{}, err
		}
	}
	return SuccessResult{Receipt: in.Facts.Plan.ReceiptKey, Manifest: in.Facts.Plan.ManifestKey}, nil
}

// allFree looks under all the keys before anything shows under one of them.
func (in SuccessInput) allFree(ctx context.Context, bucket *upload.Bucket, made []side) error {
	for _, side := range made {
		if err := free(ctx, bucket, side.object(in.Delivery)); err != nil {
			return fmt.Errorf("put %s: %w", side.key, err)
		}
	}
	if in.Key == "" {
		return nil
	}
	if err := free(ctx, bucket, Empty(in.Key).object(in.Delivery)); err != nil {
		return fmt.Errorf("success file %s: %w", in.Key, err)
	}
	return nil
}

// free returns ErrConflict if another object than o lies under its key.
func free(ctx context.Context, b *upload.Bucket, o upload.Object) error {
	_, standing, err := b.Look(ctx, o)
	if err == nil && standing == upload.Taken {
		return upload.ErrConflict
	}
	return err
}

// Empty is an object without bytes, as the success file is one.
func Empty(key string) Uploaded { return Uploaded{Key: key, CRC32C: upload.Checksum(nil)} }
