package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A record is what was measured of one job. Records of other jobs, other days and other sizes stay beside it.
type record struct {
	Job      string      `json:"job"`
	Rows     int         `json:"rows"`
	Runs     int         `json:"runs"`
	Date     string      `json:"date"`
	Machine  string      `json:"machine"`
	Versions string      `json:"versions"`
	Ours     measurement `json:"ours"`
	Peer     measurement `json:"peer,omitzero"`
	Many     *manySends  `json:"many,omitempty"`
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// ratio is the median of the ratios of the turns: what a turn's two sides have in common, such as a busy machine, goes.
func (r record) ratio() float64 {
	ratios := make([]float64, 0, len(r.Peer.Wall))
	for i, peer := range r.Peer.Wall {
		ratios = append(ratios, peer/r.Ours.Wall[i])
	}
	return median(ratios)
}

// last is the latest run, for whoever waits.
func (m measurement) last() string {
	i := len(m.Wall) - 1
	text := fmt.Sprintf("%.2f s (CPU %.2f s, %d MiB, %.1f MB", m.Wall[i], m.CPU[i], m.Peak>>20, float64(m.Bytes)/1e6)
	if len(m.Steps) > i {
		text += ": " + longSteps(m.Steps[i])
	}
	return text + ")"
}

func (m measurement) medians() string {
	return fmt.Sprintf("%.2f s (CPU %.2f s, %d MiB, %.1f MB)", median(m.Wall), median(m.CPU), m.Peak>>20, float64(m.Bytes)/1e6)
}

// line is the record for whoever waits.
func (r record) line() string {
	switch {
	case r.Many != nil:
		return fmt.Sprintf("%s: %s", r.Job, r.Many)
	case len(r.Peer.Wall) == 0:
		return fmt.Sprintf("%s, %d rows: %s", r.Job, r.Rows, r.Ours.medians())
	}
	return fmt.Sprintf("%s, %d rows: ours %s, peer %s: ratio %.2f", r.Job, r.Rows, r.Ours.medians(), r.Peer.medians(), r.ratio())
}

// note puts the record in the place of the job's last one and writes the report anew.
func (w *world) note(r record) error {
	r.Date, r.Machine, r.Versions = time.Now().UTC().Format(time.DateOnly), machine(), w.versions
	path := filepath.Join(w.o.folder, "results.json")
	var records []record
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &records)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %w", path, err)
	}
	records = append(slices.DeleteFunc(records, func(old record) bool {
		return old.Job == r.Job && old.Rows == r.Rows && (r.Many == nil || old.Runs == r.Runs)
	}), r)
	names := jobNames()
	slices.SortStableFunc(records, func(a, b record) int {
		if a.Job != b.Job {
			return slices.Index(names, a.Job) - slices.Index(names, b.Job)
		}
		return a.Rows - b.Rows
	})
	lines := make([]string, len(records)) // one for each record, so that a change shows what was measured anew
	for i := range records {
		line, err := json.Marshal(records[i])
		if err != nil {
			return err
		}
		lines[i] = string(line)
	}
	return errors.Join(
		os.WriteFile(path, []byte("[\n"+strings.Join(lines, ",\n")+"\n]\n"), 0o600),
		os.WriteFile(filepath.Join(w.o.folder, "results.md"), report(records), 0o600),
	)
}

// machine says what it was measured on, and not where: no name of a host.
func machine() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			model = strings.TrimLeft(line, "\t :")
		}
	}
	memory := ""
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err == nil {
			memory = fmt.Sprintf(", %d GiB", (kib+1<<19)>>20)
		}
	}
	return fmt.Sprintf("%s, %d cores%s", model, runtime.NumCPU(), memory)
}

// askVersions asks each program for its own.
func (w *world) askVersions(ctx context.Context) error {
	all := []string{runtime.Version()}
	for _, command := range []string{w.bin + `/duckcopy "COPY (SELECT 'DuckDB ' || version()) TO '/dev/stdout' (FORMAT csv, HEADER false)"`, "pigz --version", "gpg --version", "zip -v | sed -n 2p", "psql --version", "aws --version", w.s5cmd + " version"} {
		out, err := exec.CommandContext(ctx, "bash", "-c", command).CombinedOutput()
		if err != nil {
			continue // a version that is not told is no reason to lose what was measured
		}
		line, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte("\n"))
		words := strings.Fields(string(line))
		words = slices.DeleteFunc(words, func(word string) bool { return strings.HasPrefix(word, "Linux/") || strings.HasPrefix(word, "(Debian") }) // the machine's
		all = append(all, strings.Join(words[:min(len(words), 4)], " "))
	}
	w.versions = strings.Join(all, "; ")
	return nil
}
