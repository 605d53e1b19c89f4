package devstack

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Region is what the S3 store calls its only region.
const Region = "us-east-1"

// S3Options say how to start S3; the zero value will do.
type S3Options struct {
	Dir string    // folder of the data, kept by Stop; empty: a temporary one, removed by Stop
	Log io.Writer // as in Options
}

// S3 is a running MinIO: S3 and STS at one endpoint.
type S3 struct {
	Endpoint  string // http://host:port
	AccessKey string // of the owner, who may do anything; AssumeRole gives the owner's sessions what their policy allows
	SecretKey string
	Dir       string // where the data is

	temporary bool
	process   *process
}

// StartS3 starts a store and returns when it answers. The caller calls Stop.
func StartS3(ctx context.Context, o S3Options) (*S3, error) {
	path, err := Build(ctx, "minio", o.Log)
	if err != nil {
		return nil, err
	}
	// A secret of its own: tests that run side by side cannot reach each other's stores by mistake.
	s := &S3{AccessKey: "devstack", SecretKey: rand.Text(), Dir: o.Dir}
	if s.Dir == "" {
		if s.Dir, err = os.MkdirTemp("", "consign-s3-"); err != nil {
			return nil, fmt.Errorf("start S3: %w", err)
		}
		s.temporary = true
	}
	err = onFreePort(ctx, func(port int) error {
		s.Endpoint = "http://" + address(port)
		s.process = &process{
			name: "S3", path: path, ready: s.ready, env: s.environment(),
			args: []string{"server", "--quiet", "--address", address(port), filepath.Join(s.Dir, "data")},
		}
		return s.process.start(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// environment is MinIO's configuration: no browser, no look for updates, no reports to anybody.
func (s *S3) environment() []string {
	env := []string{
		"MINIO_ROOT_USER=" + s.AccessKey, "MINIO_ROOT_PASSWORD=" + s.SecretKey, "MINIO_REGION_NAME=" + Region,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off", "TZ=UTC",
		// MinIO keeps certificates and caches in the home folder unless told otherwise.
		"HOME=" + s.Dir,
	}
	if s.temporary {
		env = append(env, "DEVSTACK_REMOVE="+s.Dir)
	}
	return env
}

// Client returns a client of S3's owner.
func (s *S3) Client() *s3.Client {
	return s.ClientOf(s.AccessKey, s.SecretKey, "")
}

// ClientOf returns a client of whoever has these keys; session is empty but for an assumed role.
func (s *S3) ClientOf(key, secret, session string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.Endpoint), Region: Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, session),
	})
}

// ready asks for the buckets, and for a session, which MinIO refuses for a moment after it answers all else.
func (s *S3) ready(ctx context.Context) error {
	c := s.Client()
	if _, err := c.ListBuckets(ctx, &s3.ListBucketsInput{}, func(o *s3.Options) { o.RetryMaxAttempts = 1 }); err != nil {
		return err
	}
	_, err := sts.New(sts.Options{BaseEndpoint: c.Options().BaseEndpoint, Region: Region, Credentials: c.Options().Credentials, RetryMaxAttempts: 1}).
		AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/ready"), RoleSessionName: aws.String("ready")})
	return err
}

// MakeBucket makes a bucket; one that is there already is as good.
func (s *S3) MakeBucket(ctx context.Context, name string) error {
	_, err := s.Client().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(name)})
	var mine *types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &mine) {
		return fmt.Errorf("make bucket %s: %w", name, err)
	}
	return nil
}

// AddUser makes a user with an IAM policy (JSON). Unlike the owner, a user may do what the policy allows and no more,
// and so may the roles that the user assumes. It takes about a second.
func (s *S3) AddUser(ctx context.Context, key, secret, policy string) error {
	endpoint := s.Endpoint[len("http://"):]
	cmd := exec.CommandContext(ctx, s.process.path, "user", endpoint, key, secret, policy)
	cmd.Env = append(os.Environ(), s.environment()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("add user %s: %w: %s", key, err, bytes.TrimSpace(out))
	}
	return nil
}

// Kill ends the store with SIGKILL; the data stays for Restart.
func (s *S3) Kill() { s.process.kill() }

// Restart kills the store if it still runs and starts it again with the same endpoint, keys and data.
func (s *S3) Restart(ctx context.Context) error {
	s.process.kill()
	return s.process.start(ctx)
}

// PID returns the store's process id, 0 when it is not running.
func (s *S3) PID() int { return s.process.pid() }

// Stop ends the store for good and removes its data if they are temporary.
func (s *S3) Stop() error {
	if s.process != nil {
		s.process.stop()
	}
	if s.temporary {
		return os.RemoveAll(s.Dir)
	}
	return nil
}
