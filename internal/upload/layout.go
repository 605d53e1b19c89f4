package upload

// PartSize returns the size of the parts of an object of size bytes, given the size that is wanted: at least S3's
// minimum, and larger where the object would need more than 10,000 parts. Grown sizes are whole MiB.
func PartSize(size, wanted int64) int64 {
	if wanted <= 0 {
		wanted = defaultPart
	}
	part := min(max(wanted, MinPartSize), MaxPartSize)
	if size > part*MaxParts {
		const mib = 1 << 20
		part = (size + MaxParts*mib - 1) / (MaxParts * mib) * mib
	}
	return part
}

// A layout is how an object is cut into parts of equal size; the last may be smaller.
type layout struct{ size, part int64 }

func (l layout) count() int { return int((l.size + l.part - 1) / l.part) }

// at returns where part number begins and how long it is. Parts count from 1.
func (l layout) at(number int) (offset, length int64) {
	offset = int64(number-1) * l.part
	return offset, min(l.part, l.size-offset)
}

// layoutOf returns the layout of the parts that S3 holds already, so that a changed setting does not throw them away;
// with none, or with parts that no equal cut explains, the one that is wanted.
func layoutOf(size, wanted int64, held map[int]part) layout {
	largest := int64(0)
	for _, p := range held {
		largest = max(largest, p.size)
	}
	found := layout{size, largest}
	usable := largest >= MinPartSize && found.count() <= MaxParts
	for n, p := range held {
		if !usable || n > found.count() {
			usable = false
			break
		}
		_, length := found.at(n)
		usable = p.size == length
	}
	if usable {
		return found
	}
	return layout{size, PartSize(size, wanted)}
}
