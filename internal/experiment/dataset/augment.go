package dataset

import "math/rand/v2"

// CropFlip writes an image to to, moved by up to pad pixels up or down and left or right, and
// mirrored with probability 1/2. The random numbers come from r. Pixels from outside the image have
// the mean of their channel.
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

// Squares calls f with the sum of each square of two by two pixels, row by row, image by image. A
// last odd row or column is omitted. The images must have one channel.
func (s *Images) Squares(f func(sum int)) {
	for at := 0; at < len(s.Pixels); at += s.Size() {
		for row := 0; row+1 < s.Rows; row += 2 {
			above := s.Pixels[at+row*s.Cols:][:s.Cols]
			below := s.Pixels[at+(row+1)*s.Cols:][:s.Cols]
			for col := 0; col+1 < s.Cols; col += 2 {
				f(int(above[col]) + int(above[col+1]) + int(below[col]) + int(below[col+1]))
			}
		}
	}
}
