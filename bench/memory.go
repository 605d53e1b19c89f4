package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// peakOf is the most memory that was ever resident in a process, in bytes.
func peakOf(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), "VmHWM:")
	if !found {
		return 0, fmt.Errorf("process %d has ended", pid)
	}
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, err := strconv.ParseInt(number, 10, 64)
	return kib << 10, err
}

// lookEvery is how often the processes of a peer are looked at. What one takes in its last moments is missed: a peer may
// look better than it is, not worse.
const lookEvery = 50 * time.Millisecond

// watchGroup looks at the processes of a group until the function that it returns is called, which tells the most memory
// that was resident in one of them. The kernel's own figure for a child will not do: it begins with what its parent had.
func watchGroup(group int) (peak func() int64) {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		largest := int64(0)
		for {
			largest = max(largest, largestOf(group))
			select {
			case <-stop:
				most <- largest
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-most
	}
}

// largestOf is the peak of the group's largest process. One that ends while it is looked at counts no more.
func largestOf(group int) int64 {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}
	largest := int64(0)
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // state, parent, group
		if len(fields) < 3 || fields[2] != strconv.Itoa(group) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if peak, err := peakOf(pid); err == nil {
			largest = max(largest, peak)
		}
	}
	return largest
}

// touch writes to so much memory, but half of what is free at most, and gives it back. The host of a virtual machine may hand
// memory out when it is first touched: 5 GB/s of copying into new pages of files were 0.4 then, and who met how many of
// those pages was a matter of luck.
func touch(bytes int64) error {
	var machine unix.Sysinfo_t
	if err := unix.Sysinfo(&machine); err != nil {
		return err
	}
	bytes = min(bytes, int64(machine.Freeram)*int64(machine.Unit)/2)
	memory, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("touch %d bytes of memory: %w", bytes, err)
	}
	return unix.Munmap(memory)
}
