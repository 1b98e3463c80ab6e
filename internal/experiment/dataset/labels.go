package dataset

import "math/rand/v2"

// WithWrongLabels returns the images with wrong labels: each label is replaced by a random other
// class with the probability share.
func (s *Images) WithWrongLabels(share float64, r *rand.Rand) *Images {
	return s.relabelled(func(label byte) byte {
		if r.Float64() >= share {
			return label
		}
		return byte((int(label) + 1 + r.IntN(s.Classes-1)) % s.Classes)
	})
}

// WithNextLabels returns the images with each label replaced by the next class, and the last class
// by the first.
func (s *Images) WithNextLabels() *Images {
	return s.relabelled(func(label byte) byte { return byte((int(label) + 1) % s.Classes) })
}

// First returns the first n images, or all if there are fewer.
func (s *Images) First(n int) *Images {
	head := *s
	n = min(n, s.Len())
	head.Pixels, head.Labels = s.Pixels[:n*s.Size()], s.Labels[:n]
	return &head
}

// relabelled returns images with other labels and the same pixels in memory.
func (s *Images) relabelled(relabel func(byte) byte) *Images {
	other := *s
	other.Labels = make([]byte, s.Len())
	for i, label := range s.Labels {
		other.Labels[i] = relabel(label)
	}
	return &other
}
