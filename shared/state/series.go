package state

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
)

// A series is objects numbered from 1 under a prefix: each writer creates the
// next number, so there are no gaps and no two writers share one.

// highest is the last number that eight digits can write.
const highest = 99_999_999

// Numbered is the key of one object of a series.
func Numbered(prefix string, n int, ending string) string {
	return fmt.Sprintf("%s%08d%s", prefix, n, ending)
}

// page is how many keys one request of a listing gives.
const page = 1000

// LastOf finds the highest number of a series without listing all of it, given
// one that is known to be there (or 0). 0 means that there is none. What lies under
// the prefix and is not named like the series does not count.
func LastOf(ctx context.Context, o Objects, prefix string, known int) (int, error) {
	last, more, err := onwards(ctx, o, prefix, known, page)
	if err != nil || !more {
		return last, err
	}
	known = last
	step := page
	for ; known+step <= highest; step *= 2 { // it is somewhere behind known+step/2
		n, _, err := onwards(ctx, o, prefix, known+step, 1)
		if err != nil {
			return 0, err
		}
		if n == known+step {
			break
		}
		known += step
	}
	for ; step > page; step /= 2 {
		n, _, err := onwards(ctx, o, prefix, known+step/2, 1)
		if err != nil {
			return 0, err
		}
		if n > known+step/2 {
			known += step / 2
		}
	}
	last, _, err = onwards(ctx, o, prefix, known, 2*page)
	return last, err
}

// onwards gives the highest of the numbers behind one, of so many names at most, and
// whether that was not all; the number itself where there is none.
func onwards(ctx context.Context, o Objects, prefix string, from, names int) (last int, more bool, err error) {
	last = from
	fits := fit[prefix[:strings.Index(prefix, "/")+1]]
	_, under, _ := strings.Cut(prefix, "/")
	for key, err := range o.List(ctx, prefix, Numbered(prefix, from, "~")) { // ~ sorts behind every ending
		if err != nil {
			return 0, false, err
		}
		rest := strings.TrimPrefix(key, prefix)
		if !fits(under + rest) {
			continue
		}
		digits, _, _ := strings.Cut(rest, ".")
		n, _ := Number(digits)
		last = max(last, n)
		if names--; names == 0 {
			return last, true, nil
		}
	}
	return last, false, nil
}

// NewRun names one run of one writer. No two are alike, so that writers can tell
// what is theirs.
func NewRun() string { return rand.Text()[:16] }
