package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"consign/examples"
	"consign/internal/devstack"
	"consign/starter/watch"
)

// A world is the servers, Acme's bucket and our worker, with a folder that all files of the demo are in.
type world struct {
	dir         string
	stack       *devstack.Stack
	environment map[string]string
	worker      *process
	keys        *keyPair
	workerPath  string
	some        string // an orchestration to try
	closers     []func() error
}

// What the configuration in examples/ calls things.
const (
	bucket          = "acme-inbound"
	exampleEndpoint = "http://127.0.0.1:9000"
	keyFile         = "keys/acme.asc"
	tableFile       = "data/customers.parquet"
)

// acmeKey is the access key of the user that Acme has made for us; the secret is made for each showing.
const acmeKey = "consign-at-acme"

// open starts the servers.
func open(ctx context.Context, n narrator, worker string) (_ *world, err error) {
	if _, err := os.Stat(worker); err != nil {
		return nil, fmt.Errorf("find the worker: %w", err)
	}
	dir, err := os.MkdirTemp("", "consign-demo-")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, workerPath: worker}
	w.later(func() error { return os.RemoveAll(dir) })
	n.title("Two servers")
	begun := n.clock()
	w.stack, err = devstack.Start(ctx, devstack.Options{Temporal: true, S3: true, Log: &indent{out: n.out}})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the servers: %w", err), w.close())
	}
	w.later(w.stack.Stop)
	n.table([][]string{
		{"Temporal and its UI", w.stack.Temporal.UIAddress, "keeps the runs: whatever dies, they go on"},
		{"MinIO", w.stack.S3.Endpoint, "plays Amazon's S3 and STS"},
	})
	n.line("Ready in %s.", watch.Took(n.clock().Sub(begun)))
	return w, nil
}

func (w *world) later(f func() error) { w.closers = append(w.closers, f) }

// close ends everything, the last first.
func (w *world) close() error {
	var errs []error
	for _, f := range slices.Backward(w.closers) {
		errs = append(errs, f())
	}
	w.closers = nil
	return errors.Join(errs...)
}

func (w *world) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

// acme makes Acme's bucket, the user who may write to it, and Acme's keys.
func (w *world) acme(ctx context.Context, n narrator) error {
	n.title("Acme's side")
	secret := rand.Text()
	if err := w.stack.S3.MakeBucket(ctx, bucket); err != nil {
		return err
	}
	if err := w.stack.S3.AddUser(ctx, acmeKey, secret, policy); err != nil {
		return err
	}
	w.environment = map[string]string{
		"CONSIGN_CONFIG": w.path("consign.yaml"), "CONSIGN_TEMPORAL_ADDRESS": w.stack.Temporal.Address,
		"ACME_ACCESS_KEY_ID": acmeKey, "ACME_SECRET_ACCESS_KEY": secret,
	}
	keys, err := newKeyPair(n.clock())
	if err != nil {
		return err
	}
	w.keys = keys
	n.line("A bucket, %s, and a user who may write there and do little else: %s.", bucket, acmeKey)
	n.line("A pair of OpenPGP keys, of which we get the public one: %s.", w.keys.fingerprint())
	return nil
}

// policy is the least that Consign needs: to upload in parts, to give up an upload, and, after an answer that was
// lost on the way, to see whether an object is ours.
const policy = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "arn:aws:s3:::acme-inbound/*",
	"Action": ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetObject"]}]}`

// ours copies the example, makes the data and starts the worker.
func (w *world) ours(ctx context.Context, n narrator) error {
	n.title("Our side")
	if err := w.copyExamples(); err != nil {
		return err
	}
	rows, size, err := makeCustomers(ctx, w.path(tableFile))
	if err != nil {
		return err
	}
	n.line("%s, %s, as nasty as customer data is: quotes, commas, line breaks,", watch.Count(rows, "customer"), watch.Bytes(size))
	n.line("NULLs beside empty texts, accents, Chinese, right-to-left, decimals, timestamps.")
	n.line("The configuration is examples/consign.yaml, with the addresses of these servers put in.")
	return w.startWorker(n)
}

// copyExamples copies what a newcomer would copy, and puts in the addresses.
func (w *world) copyExamples() error {
	text, err := fs.ReadFile(examples.Files, "consign.yaml")
	if err != nil {
		return err
	}
	return errors.Join(
		w.write("consign.yaml", []byte(strings.ReplaceAll(string(text), exampleEndpoint, w.stack.S3.Endpoint))),
		w.write(keyFile, w.keys.public),
		os.MkdirAll(filepath.Dir(w.path(tableFile)), 0o700),
	)
}

func (w *world) write(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o700); err != nil {
		return err
	}
	return os.WriteFile(w.path(name), content, 0o600)
}

// exports is what a shell needs to talk to this world. Secrets are the worker's alone.
func (w *world) exports() []string {
	var lines []string
	for _, name := range []string{"CONSIGN_CONFIG", "CONSIGN_TEMPORAL_ADDRESS"} {
		lines = append(lines, "export "+name+"='"+strings.ReplaceAll(w.environment[name], "'", `'\''`)+"'")
	}
	return lines
}
