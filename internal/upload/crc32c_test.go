package upload

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheChecksumIsTheOneOfTheStandard(t *testing.T) {
	t.Parallel()
	// RFC 3720, B.4, and the check value of CRC-32C: "123456789".
	require.Equal(t, encodeCRC(0xE3069283), Checksum([]byte("123456789")))
	require.Equal(t, encodeCRC(0x8A9136AA), Checksum(make([]byte, 32)))
	require.Equal(t, "AAAAAA==", Checksum(nil))
}

func TestCombinedChecksumsAreTheChecksumOfTheWhole(t *testing.T) {
	t.Parallel()
	data := make([]byte, 70_000)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(data)
	for _, whole := range []int{0, 1, 2, 255, 256, 65_535, 65_536, 70_000} {
		for _, first := range []int{0, 1, whole / 3, whole / 2, whole - 1, whole} {
			if first < 0 || first > whole {
				continue
			}
			a, b := crc32.Checksum(data[:first], polynomial), crc32.Checksum(data[first:whole], polynomial)
			require.Equal(t, crc32.Checksum(data[:whole], polynomial), combine(a, b, int64(whole-first)), "%d of %d", first, whole)
		}
	}
}

func TestSumsOfBlocksAreTheChecksumOfAnyPart(t *testing.T) {
	t.Parallel()
	const mib = sumBytes
	data := make([]byte, 4*mib+77)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(data)
	for _, size := range []int{0, 1, mib - 1, mib, mib + 1, 4 * mib, len(data)} {
		var s Summer
		for rest := data[:size]; len(rest) > 0; {
			n := min(len(rest), 300_001) // which no block ends with
			s.Write(rest[:n])
			require.Len(t, s.Sums(), (size-len(rest)+n+mib-1)/mib*4)
			rest = rest[n:]
		}
		require.Equal(t, Checksum(data[:size]), s.CRC32C())
		for from := 0; from < size; from += mib {
			for to := from + mib; ; to += mib {
				to = min(to, size)
				crc, ok := sumOf(s.Sums(), int64(from), int64(to-from), int64(size))
				require.True(t, ok)
				require.Equal(t, Checksum(data[from:to]), encodeCRC(crc), "%d to %d of %d", from, to, size)
				if to == size {
					break
				}
			}
		}
	}
	for name, c := range map[string]struct{ sums, offset, length int }{
		"none":                   {0, 0, mib},
		"too few":                {4 * 4, 0, mib},
		"a begin within a block": {5 * 4, 1, mib - 1},
		"an end within a block":  {5 * 4, 0, mib + 1},
	} {
		_, ok := sumOf(make([]byte, c.sums), int64(c.offset), int64(c.length), int64(len(data)))
		require.False(t, ok, name)
	}
}

func TestChecksumsOfImmenseBlocksCombine(t *testing.T) {
	t.Parallel()
	// Zeros, doubled and doubled: 2^40 of them cannot be read in a test, but both ways of putting them together agree.
	crc, length := crc32.Checksum(make([]byte, 1<<20), polynomial), int64(1<<20)
	byHalves := crc
	for l := length; l < 1<<40; l *= 2 {
		byHalves = combine(byHalves, byHalves, l)
	}
	oneByOne := combine(combine(crc, byHalvesOf(crc, length, 1<<39), 1<<39), byHalvesOf(crc, length, 1<<39-1<<20), 1<<39-1<<20)
	require.Equal(t, byHalves, oneByOne)
}

// byHalvesOf returns the CRC of n zeros, from that of a block of them.
func byHalvesOf(crc uint32, block, n int64) uint32 {
	whole, done := uint32(0), int64(0)
	for l, c := block, crc; l <= n; l, c = l*2, combine(c, c, l) {
		if n&l != 0 {
			whole = combine(whole, c, l)
			done += l
		}
	}
	return whole
}

func TestPartSizeFitsEveryObjectIntoTenThousandParts(t *testing.T) {
	t.Parallel()
	const mib, tib = 1 << 20, 1 << 40
	for name, tc := range map[string]struct{ size, wanted, want int64 }{
		"the default":                {1, 0, 16 * mib},
		"what is wanted":             {1, 8 * mib, 8 * mib},
		"never under the minimum":    {1, 1, 5 * mib},
		"never over the maximum":     {1, 1 << 40, 5 << 30},
		"exactly ten thousand parts": {160_000 * mib, 16 * mib, 16 * mib},
		"one byte more":              {160_000*mib + 1, 16 * mib, 17 * mib},
		"the largest object":         {5 * tib, 16 * mib, 525 * mib},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := PartSize(tc.size, tc.wanted)
			require.Equal(t, tc.want, got)
			l := layout{tc.size, got}
			require.LessOrEqual(t, l.count(), MaxParts)
			offset, length := l.at(l.count())
			require.Equal(t, tc.size, offset+length)
			require.Positive(t, length)
		})
	}
}

func TestTheLayoutOfHeldPartsIsKeptIfTheyHaveOne(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	p := func(size int64) part { return part{size: size} }
	for name, tc := range map[string]struct {
		held map[int]part
		want int64
	}{
		"none":                         {nil, 8 * mib},
		"the first":                    {map[int]part{1: p(6 * mib)}, 6 * mib},
		"one from the middle":          {map[int]part{2: p(6 * mib)}, 6 * mib},
		"all":                          {map[int]part{1: p(6 * mib), 2: p(6 * mib), 3: p(6 * mib), 4: p(2 * mib)}, 6 * mib},
		"only the last":                {map[int]part{4: p(2 * mib)}, 8 * mib},
		"parts of different sizes":     {map[int]part{1: p(6 * mib), 2: p(7 * mib)}, 8 * mib},
		"a part behind the end":        {map[int]part{1: p(6 * mib), 5: p(6 * mib)}, 8 * mib},
		"a last part that is too long": {map[int]part{1: p(6 * mib), 4: p(3 * mib)}, 8 * mib},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, layout{20 * mib, tc.want}, layoutOf(20*mib, 8*mib, tc.held))
		})
	}
}
