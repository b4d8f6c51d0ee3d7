package console

// box is a rectangle of a tree map.
type box struct{ X, Y, W, H float64 }

// squarify lays rectangles into a frame, one for each size and in its order: their areas are
// as the sizes, and they are as near to squares as a greedy layout makes them when the sizes
// fall. It is that of Bruls, Huizing and van Wijk. A size that is not above zero has no area.
func squarify(sizes []float64, in box) []box {
	boxes := make([]box, len(sizes))
	sum := 0.0
	for _, s := range sizes {
		sum += max(s, 0)
	}
	if sum <= 0 || in.W <= 0 || in.H <= 0 {
		return boxes
	}
	scale := in.W * in.H / sum
	for from := 0; from < len(sizes); {
		to, row := from, 0.0
		for side := min(in.W, in.H); to < len(sizes); to++ {
			with := row + max(sizes[to], 0)*scale
			if to > from && worst(sizes[from:to+1], scale, with, side) > worst(sizes[from:to], scale, row, side) {
				break
			}
			row = with
		}
		in = layRow(sizes[from:to], boxes[from:to], scale, row, in)
		from = to
	}
	return boxes
}

// worst is the greatest ratio of the sides in a row of some area along a side.
func worst(sizes []float64, scale, area, side float64) (ratio float64) {
	if area <= 0 || side <= 0 {
		return 0
	}
	thick := area / side
	for _, s := range sizes {
		if long := max(s, 0) * scale / thick; long > 0 {
			ratio = max(ratio, thick/long, long/thick)
		}
	}
	return ratio
}

// layRow lays a row along the shorter side of the frame and gives what is left of it.
func layRow(sizes []float64, boxes []box, scale, area float64, in box) box {
	if area <= 0 {
		return in
	}
	upright := in.W >= in.H // the row stands at the left
	side := min(in.W, in.H)
	thick, at := min(area/side, max(in.W, in.H)), 0.0
	for i, s := range sizes {
		long := min(max(s, 0)*scale/thick, side-at)
		if upright {
			boxes[i] = box{in.X, in.Y + at, thick, long}
		} else {
			boxes[i] = box{in.X + at, in.Y, long, thick}
		}
		at += long
	}
	if upright {
		return box{in.X + thick, in.Y, in.W - thick, in.H}
	}
	return box{in.X, in.Y + thick, in.W, in.H - thick}
}
