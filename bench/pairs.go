package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sys/unix"

	"consign/workflows"
)

// A measurement is one side of a job, run by run.
type measurement struct {
	Wall  []float64 `json:"wall"` // seconds
	CPU   []float64 `json:"cpu"`  // likewise
	Peak  int64     `json:"peak"` // bytes: of the worker; of the largest of the peer's processes
	Bytes int64     `json:"bytes"`

	Steps [][]stepTime `json:"steps,omitempty"` // ours only: of each run
}

// pairs measures a job and its peer in turns.
func (w *world) pairs(ctx context.Context, j job) (_ record, err error) {
	config, err := w.configure(j, j.name, "")
	if err != nil {
		return record{}, err
	}
	p, err := w.startWorker(ctx, config)
	if err != nil {
		return record{}, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	r := record{Job: j.name, Rows: w.rows(j), Runs: w.o.runs}
	for i := range w.o.runs {
		if err := w.ours(ctx, j, p, strconv.Itoa(i), &r.Ours); err != nil {
			return r, err
		}
		if w.o.ours || j.commands == "" {
			w.say("%s: %s\n", j.name, r.Ours.last())
			continue
		}
		if err := w.theirs(ctx, j, &r.Peer); err != nil {
			return r, err
		}
		w.say("%s: ours %s; %s %s\n", j.name, r.Ours.last(), j.peer, r.Peer.last())
	}
	return r, nil
}

func (w *world) rows(j job) int {
	if j.limit > 0 {
		return min(j.limit, w.o.rows)
	}
	return w.o.rows
}

// settle gives both sides the same machine to begin with: nothing is left to be written to the disk, what was deleted from
// the bucket is gone, and memory that a turn's files and processes take was touched, so that nobody is the first to.
func (w *world) settle(j job) error {
	if err := w.emptyTrash(); err != nil {
		return err
	}
	unix.Sync()
	return touch(int64(w.rows(j)) * touchedPerRow)
}

// emptyTrash removes what was deleted from the bucket. MinIO keeps it for five minutes, and the kernel its pages: each turn
// was given others then, none of them touched yet, and took up to half as long again as the one before.
func (w *world) emptyTrash() error {
	trash := filepath.Join(w.stack.S3.Dir, "data", ".minio.sys", "tmp", ".trash")
	entries, err := os.ReadDir(trash)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(trash, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// touchedPerRow is what a turn takes of memory that it did not have before, for each row of the measured table: its text
// on the disk and in the bucket, and a peer's own.
const touchedPerRow = 1 << 10

func (w *world) ours(ctx context.Context, j job, p *worker, key string, m *measurement) error {
	if err := w.settle(j); err != nil {
		return err
	}
	before, err := p.cpu()
	if err != nil {
		return err
	}
	took, done, err := w.send(ctx, j.name, key)
	if err != nil {
		return errors.Join(err, p.said())
	}
	after, err := p.cpu()
	if err != nil {
		return err
	}
	if m.Peak, err = p.peak(); err != nil {
		return err
	}
	m.Wall, m.CPU, m.Bytes = append(m.Wall, took.Seconds()), append(m.CPU, (after-before).Seconds()), done.Bytes
	steps, err := w.steps(ctx, workflows.OrchestrationID(j.name, key))
	if err != nil {
		return err
	}
	m.Steps = append(m.Steps, steps)
	if want := w.rows(j); done.Rows != int64(want) {
		return fmt.Errorf("%d rows were delivered instead of %d", done.Rows, want)
	}
	return w.compareAndRemove(ctx, j, done.Objects[0].Key)
}

// theirs makes the same delivery with the peer's programs.
func (w *world) theirs(ctx context.Context, j job, m *measurement) error {
	if err := w.settle(j); err != nil {
		return err
	}
	work, err := os.MkdirTemp(w.dir, "peer")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }() // w.close removes it in any case
	const key = "theirs"
	cmd := w.script(ctx, j, j.commands, work, key)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	watched := watchGroup(cmd.Process.Pid)
	err = cmd.Wait()
	took := time.Since(begun)
	m.Peak = max(m.Peak, watched())
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", j.commands, err, said.Bytes())
	}
	m.Wall = append(m.Wall, took.Seconds())
	m.CPU = append(m.CPU, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()) // the shell's, with all that it has waited for
	head, err := w.stack.S3.Client().HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if err != nil {
		return err
	}
	m.Bytes = *head.ContentLength
	return w.compareAndRemove(ctx, j, key)
}

// script is a peer's commands as a process, with the variables that they use.
func (w *world) script(ctx context.Context, j job, commands, work, key string) *exec.Cmd {
	query := j.selection("'" + w.table + "'")
	if j.source != "" {
		query = j.selection("customers")
	}
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", commands)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // by which watchGroup knows the processes
	cmd.Env = append(os.Environ(), "COPY="+w.bin+"/duckcopy", "QUERY="+query, "WORK="+work, "TO=s3://"+bucket+"/"+key, "S5CMD="+w.s5cmd,
		"RECIPIENT="+recipient, "GNUPGHOME="+w.gpgHome, "DSN="+w.dsn(), "PGTZ=UTC", "SIZE="+strconv.Itoa(w.o.rows*300),
		"AWS_ACCESS_KEY_ID="+w.stack.S3.AccessKey, "AWS_SECRET_ACCESS_KEY="+w.stack.S3.SecretKey, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ENDPOINT_URL="+w.stack.S3.Endpoint, "S3_ENDPOINT_URL="+w.stack.S3.Endpoint, "AWS_EC2_METADATA_DISABLED=true")
	return cmd
}

// compareAndRemove compares a delivered file with the table, if that is asked for, and empties the bucket.
func (w *world) compareAndRemove(ctx context.Context, j job, key string) error {
	if w.o.check && j.unpack != "" {
		if err := w.compare(ctx, j, key); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	for {
		listed, err := w.stack.S3.Client().ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
		if err != nil || len(listed.Contents) == 0 {
			return err
		}
		var objects []types.ObjectIdentifier
		for _, o := range listed.Contents {
			objects = append(objects, types.ObjectIdentifier{Key: o.Key})
		}
		if _, err := w.stack.S3.Client().DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: aws.String(bucket), Delete: &types.Delete{Objects: objects}}); err != nil {
			return err
		}
	}
}

// compare unpacks a file as its recipient would, and compares its values with the table's.
func (w *world) compare(ctx context.Context, j job, key string) (err error) {
	work, err := os.MkdirTemp(w.dir, "compare")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if out, err := w.script(ctx, j, "aws s3 cp --quiet $TO - | "+j.unpack+" > $WORK/file", work, key).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack: %w\n%s", err, out)
	}
	table := j.selection("'" + w.table + "'")
	return inDuckDB(ctx, func(db *sql.DB) error {
		file := "SELECT * FROM read_parquet('" + work + "/file')"
		if !j.parquet {
			columns, err := columnsOf(ctx, db, w.table)
			if err != nil {
				return err
			}
			for i, c := range columns {
				column, kind, _ := strings.Cut(c, " ")
				columns[i] = fmt.Sprintf("'%s': '%s'", column, kind)
			}
			file = fmt.Sprintf("SELECT * FROM read_csv('%s/file', header = true, delim = ',', quote = '\"', escape = '\"', columns = {%s})", work, strings.Join(columns, ", "))
		}
		var missing, added int64
		if err := db.QueryRowContext(ctx, fmt.Sprintf("SELECT (SELECT count(*) FROM ((%[1]s) EXCEPT ALL (%[2]s))), (SELECT count(*) FROM ((%[2]s) EXCEPT ALL (%[1]s)))", table, file)).Scan(&missing, &added); err != nil {
			return err
		}
		if missing+added > 0 {
			return fmt.Errorf("%d rows of the table are missing, and %d are not the table's", missing, added)
		}
		return nil
	})
}

// said returns the worker's last words as an error.
func (p *worker) said() error {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	return fmt.Errorf("the worker said: %s", text[max(0, len(text)-2000):])
}
