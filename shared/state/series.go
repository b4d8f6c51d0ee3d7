package state

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
)

// A series is objects numbered from 1 under a prefix: each writer creates the
// next number, so there are no gaps and no two writers share one.

// highest is the last number that eight digits can write.
const highest = 99_999_999

func numbered(prefix string, n int, ending string) string {
	return fmt.Sprintf("%s%08d%s", prefix, n, ending)
}

// lastOf finds the highest number of a series without listing all of it, given
// one that is known to be there (or 0). 0 means that there is none.
func lastOf(ctx context.Context, o Objects, prefix string, known int) (int, error) {
	beyond := func(n int) (bool, error) {
		for _, err := range o.List(ctx, prefix, numbered(prefix, n, "~")) { // ~ sorts behind every ending
			return err == nil, err
		}
		return false, nil
	}
	step := 512
	for ; ; step *= 2 {
		more, err := beyond(known + step)
		if err != nil {
			return 0, err
		}
		if !more {
			break
		}
		if known += step; known > highest {
			return 0, fmt.Errorf("%s holds something without a number: %w", prefix, ErrCorrupt)
		}
	}
	for ; step > 512; step /= 2 {
		more, err := beyond(known + step/2)
		if err != nil {
			return 0, err
		}
		if more {
			known += step / 2
		}
	}
	last := known
	for key, err := range o.List(ctx, prefix, numbered(prefix, known, "~")) {
		if err != nil {
			return 0, err
		}
		digits, _, _ := strings.Cut(strings.TrimPrefix(key, prefix), ".")
		n, err := strconv.Atoi(digits)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", key, ErrCorrupt)
		}
		last = max(last, n)
	}
	return last, nil
}

// NewRun names one run of one writer. No two are alike, so that writers can tell
// what is theirs.
func NewRun() string { return rand.Text()[:16] }
