package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// reportHead explains the tables.
const reportHead = `# What was measured

Made by ` + "`make bench`" + `; docs/SCALE.md says what follows from it. Each job is a delivery through a worker and Temporal, from the start of
the workflow until the success file is there; beside it, in turns, the programs that somebody would otherwise pick, with the same
table, the same bucket (MinIO on the loopback) and the same disk. Times are medians, in seconds; the ratio is the median of each
turn's peer / ours, so more than 1 is faster. CPU is the worker's, and that of all of the peer's processes; memory is the most that
was resident in the worker in any run, and in the largest of the peer's processes.

`

// report is all records as Markdown.
func report(records []record) []byte {
	var b bytes.Buffer
	b.WriteString(reportHead)
	b.WriteString("| job | rows | ours | peer | ratio | target | CPU ours / peer | MiB ours / peer | MB ours / peer | the peer |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range records {
		if len(r.Peer.Wall) > 0 {
			r.row(&b)
		}
	}
	b.WriteString("\nWithout a peer:\n\n| job | rows | seconds | CPU | MiB | MB |\n|---|---|---|---|---|---|\n")
	for _, r := range records {
		if r.Many == nil && len(r.Peer.Wall) == 0 {
			fmt.Fprintf(&b, "| %s | %s | %.2f | %.2f | %d | %.1f |\n", jobOf(r.Job).title, grouped(r.Rows),
				median(r.Ours.Wall), median(r.Ours.CPU), r.Ours.Peak>>20, float64(r.Ours.Bytes)/1e6)
		}
	}
	for _, r := range records {
		if r.Many != nil {
			fmt.Fprintf(&b, "\n%s: %s.\n", jobOf(r.Job).title, r.Many)
		}
	}
	b.WriteString(whereTheTimeGoes(records))
	b.WriteString("\n## Where and with what\n\n")
	b.WriteString(circumstances(records))
	return append(bytes.TrimSpace(b.Bytes()), '\n')
}

// whereTheTimeGoes tells the steps of each job.
func whereTheTimeGoes(records []record) string {
	var b strings.Builder
	b.WriteString("\n## Where the time goes\n\nSeconds of each step, from when a worker took it until it was done; medians. The rest of a delivery is between the steps.\n\n")
	b.WriteString("| job | rows | steps of a tenth of a second and more | all others, and between them |\n|---|---|---|---|\n")
	for _, r := range records {
		if times := r.Ours.stepTimes(); len(times) > 0 {
			fmt.Fprintf(&b, "| %s | %s | %s | %.2f |\n", jobOf(r.Job).title, grouped(r.Rows), longSteps(times), r.Ours.rest())
		}
	}
	return b.String()
}

// circumstances says of each machine and set of programs what was measured there.
func circumstances(records []record) string {
	var order []string
	jobs := map[string][]string{}
	for _, r := range records {
		how := fmt.Sprintf("%s; %s", r.Machine, r.Versions)
		if jobs[how] == nil {
			order = append(order, how)
		}
		jobs[how] = append(jobs[how], fmt.Sprintf("%s with %d rows, %d runs, %s", r.Job, r.Rows, r.Runs, r.Date))
	}
	var b strings.Builder
	for _, how := range order {
		fmt.Fprintf(&b, "%s.\n\n- %s\n\n", how, strings.Join(jobs[how], "\n- "))
	}
	return b.String()
}

func (r record) row(b *bytes.Buffer) {
	j, target := jobOf(r.Job), ""
	if j.target > 0 {
		target = fmt.Sprintf("%.2f", j.target)
	}
	fmt.Fprintf(b, "| %s | %s | %.2f | %.2f | **%.2f** | %s | %.2f / %.2f | %d / %d | %.1f / %.1f | %s |\n", j.title, grouped(r.Rows),
		median(r.Ours.Wall), median(r.Peer.Wall), r.ratio(), target, median(r.Ours.CPU), median(r.Peer.CPU), r.Ours.Peak>>20, r.Peer.Peak>>20,
		float64(r.Ours.Bytes)/1e6, float64(r.Peer.Bytes)/1e6, strings.ReplaceAll(j.peer, "|", `\|`))
}

// jobOf is the job of a record; one that is no longer measured keeps its name.
func jobOf(name string) job {
	if i := slices.IndexFunc(allJobs(), func(j job) bool { return j.name == name }); i >= 0 {
		return allJobs()[i]
	}
	return job{name: name, title: name}
}

// grouped is a number with commas.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
