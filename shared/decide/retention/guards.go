package retention

import "fmt"

// Over names the guards that a removal of so much would break; none: it may go
// on. What has no known size counts on its own, so that a plan of unknown bytes
// never passes as one of no bytes.
func (g Guards) Over(items, media, unknown int, bytes int64, library int) (over []string) {
	if items == 0 {
		return nil
	}
	if items > g.Count {
		over = append(over, fmt.Sprintf("%d items, at most %d", items, g.Count))
	}
	// A library that was not counted cannot be divided by: it counts as too small.
	if library <= 0 || float64(media)*100 > g.Percent*float64(library) {
		over = append(over, fmt.Sprintf("%d of %d assets, at most %g %%", media, library, g.Percent))
	}
	if bytes > g.Bytes {
		over = append(over, fmt.Sprintf("%d bytes, at most %d", bytes, g.Bytes))
	}
	if unknown > g.Unknown {
		over = append(over, fmt.Sprintf("%d items of unknown size, at most %d", unknown, g.Unknown))
	}
	return over
}
