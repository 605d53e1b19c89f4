package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written with a unit: 16MiB, 200GB.
type Size int64

// The units that a Size may have: those of the IEC for powers of 1,024, those of the SI for powers of 1,000.
var units = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
}

// ParseSize reads a size.
func ParseSize(text string) (Size, error) {
	number, unit := strings.TrimSpace(text), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n < 0 || math.IsNaN(n) || n*float64(unit) >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is not a size", text)
	}
	return Size(n * float64(unit)), nil
}

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}

// String returns the size with the unit that makes the number shortest, without a fraction.
func (s Size) String() string {
	n, unit := int64(s), "B"
	for _, u := range units {
		if whole := int64(s) / u.bytes; int64(s)%u.bytes == 0 && whole > 0 && whole < n {
			n, unit = whole, u.name
		}
	}
	return strconv.FormatInt(n, 10) + unit
}
