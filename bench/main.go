// Command bench measures deliveries, from the start of the workflow to the success file, through a worker and Temporal
// as users run them, and beside each the programs that somebody would otherwise pick, on the same data, in turns.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := options{workers: 1, folder: "bench", out: os.Stdout}
	flag.IntVar(&o.rows, "rows", 5_000_000, "rows of the table")
	flag.IntVar(&o.runs, "runs", 5, "runs of each job, of which the median counts")
	flag.IntVar(&o.sends, "sends", 1_000, "orchestrations that the job \"many\" starts at once")
	flag.IntVar(&o.workers, "workers", 1, "worker processes of the job \"many\"")
	flag.StringVar(&o.memory, "memory", "", "the worker's worker.memory; empty: its default")
	flag.BoolVar(&o.ours, "ours", false, "measure Consign alone, without the peers; nothing is recorded")
	flag.BoolVar(&o.check, "check", false, "compare every delivered and every peer's file with the table, value by value")
	flag.StringVar(&o.folder, "folder", o.folder, "where results.json and results.md are")
	flag.StringVar(&o.profile, "profile", "", "folder for a CPU profile of each job's worker")
	chosen := flag.String("jobs", "", "the jobs to measure, parted by commas or blanks, of "+strings.Join(jobNames(), ", ")+"; empty: those that have a peer, and many")
	flag.Parse()
	o.jobs = strings.FieldsFunc(*chosen, func(r rune) bool { return r == ',' || r == ' ' })
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are what to measure.
type options struct {
	rows, runs, sends, workers int
	memory                     string
	jobs                       []string
	ours, check                bool
	folder, profile            string
	out                        io.Writer
}

// run measures the chosen jobs one by one and notes each as soon as it is measured, so that a part of them can be
// measured again without losing the others.
func (o options) run(ctx context.Context) (err error) {
	jobs, err := choose(o.jobs)
	if err != nil {
		return err
	}
	w, err := open(ctx, o, jobs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for _, j := range jobs {
		if err := w.measure(ctx, j.of(o.rows)); err != nil {
			return fmt.Errorf("job %s: %w", j.name, err)
		}
	}
	return nil
}

// measure measures one job, and notes what came of it.
func (w *world) measure(ctx context.Context, j job) error {
	var r record
	var err error
	if j.many {
		r, err = w.many(ctx, j)
	} else {
		r, err = w.pairs(ctx, j)
	}
	if err != nil {
		return err
	}
	w.say("%s\n", r.line())
	if w.o.ours {
		return nil
	}
	return w.note(r)
}

func choose(names []string) ([]job, error) {
	if len(names) == 0 {
		return usualJobs(), nil
	}
	var chosen []job
	for _, name := range names {
		i := slices.IndexFunc(allJobs(), func(j job) bool { return j.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no job %q: the jobs are %s", name, strings.Join(jobNames(), ", "))
		}
		chosen = append(chosen, allJobs()[i])
	}
	return chosen, nil
}

func jobNames() []string {
	var names []string
	for _, j := range allJobs() {
		names = append(names, j.name)
	}
	return names
}
