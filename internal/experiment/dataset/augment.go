package dataset

import "math/rand/v2"

// CropFlip sets to to an image, moved by up to pad pixels up or down and left or right, and mirrored
// every other time, all drawn from r. Pixels from outside have the mean of their channel.
func (s *Images) CropFlip(to, image []byte, pad int, r *rand.Rand) {
	down, right, mirrored := r.IntN(2*pad+1)-pad, r.IntN(2*pad+1)-pad, r.IntN(2) == 1
	channels := s.channels()
	for row := range s.Rows {
		for col := range s.Cols {
			pixel := to[(row*s.Cols+col)*channels:][:channels]
			if mirrored {
				col = s.Cols - 1 - col
			}
			y, x := row+down, col+right
			if y >= 0 && y < s.Rows && x >= 0 && x < s.Cols {
				copy(pixel, image[(y*s.Cols+x)*channels:])
				continue
			}
			for c := range pixel {
				mean, _ := s.Normal(c)
				pixel[c] = byte(mean + 0.5)
			}
		}
	}
}
