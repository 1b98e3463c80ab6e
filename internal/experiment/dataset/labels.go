package dataset

import "math/rand/v2"

// WithWrongLabels returns the images with a share of the labels, picked at random, replaced by one
// of the other classes.
func (s *Images) WithWrongLabels(share float64, r *rand.Rand) *Images {
	return s.relabelled(func(label byte) byte {
		if r.Float64() >= share {
			return label
		}
		return byte((int(label) + 1 + r.IntN(s.Classes-1)) % s.Classes)
	})
}

// WithNextLabels returns the images with each label replaced by the next class, the last by the
// first.
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

// relabelled returns the images with other labels. They share their pixels.
func (s *Images) relabelled(relabel func(byte) byte) *Images {
	other := *s
	other.Labels = make([]byte, s.Len())
	for i, label := range s.Labels {
		other.Labels[i] = relabel(label)
	}
	return &other
}
