package retention

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const day = 24 * time.Hour

// span is a time of one day or more, like 30d or 36h. No field of a policy means
// less, so nobody's six months are six minutes.
type span time.Duration

var spanText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]+) ?([\pL]*)$`) })

// UnmarshalText reads days and hours.
func (s *span) UnmarshalText(text []byte) error {
	t := strings.TrimSpace(string(text))
	parts := spanText().FindStringSubmatch(t)
	if parts == nil {
		return fmt.Errorf("%q is not a span of time\nwrite it as 30d or 36h", t)
	}
	n, err := strconv.ParseUint(parts[1], 10, 16)
	if err != nil {
		return fmt.Errorf("%q is not a number of days or hours up to 65535\nwrite it as 30d", t)
	}
	unit := day
	switch parts[2] {
	case "d":
	case "h":
		unit = time.Hour
	case "":
		return fmt.Errorf("%q has no unit\nwrite %dd for days", t, n)
	default:
		return fmt.Errorf("%q has no unit that is known here: only d (days) and h (hours) are\nwrite %s", t, inDays(n, parts[2]))
	}
	if d := time.Duration(n) * unit; d >= day {
		*s = span(d)
		return nil
	}
	if n == 0 {
		return fmt.Errorf("%q is no time at all\nleave the key out, or write 1d or more", t)
	}
	return fmt.Errorf("%q is below one day\nwrite 1d or more", t)
}

// inDays guesses what was meant.
func inDays(n uint64, unit string) string {
	switch unit = strings.ToLower(unit); {
	case strings.HasPrefix(unit, "w"):
		return fmt.Sprintf("%dd", n*7)
	case unit == "m" || strings.HasPrefix(unit, "mo"):
		return fmt.Sprintf("%dd", n*30)
	case strings.HasPrefix(unit, "y"):
		return fmt.Sprintf("%dd", n*365)
	}
	return "it as 30d or 36h"
}

// nights is a span that may be none at all.
type nights span

// UnmarshalText reads a span, or 0d.
func (s *nights) UnmarshalText(text []byte) error {
	switch strings.TrimSpace(string(text)) {
	case "0d", "0h", "0":
		return nil // as a field is before it is read
	}
	return (*span)(s).UnmarshalText(text)
}

// size is a number of bytes above 0, like 500GB.
type size int64

// units have one meaning each: KB to PB count by 1000, KiB to PiB by 1024.
var units = map[string]float64{
	"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50,
}

var sizeText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)$`) })

// UnmarshalText reads bytes with their unit.
func (s *size) UnmarshalText(text []byte) error {
	t := strings.TrimSpace(string(text))
	parts := sizeText().FindStringSubmatch(t)
	if parts == nil {
		return fmt.Errorf("%q is not a size\nwrite it as 500GB or 2TB", t)
	}
	unit, known := units[parts[2]]
	switch {
	case parts[2] == "":
		return fmt.Errorf("%q is not a size: it has no unit\nwrite %sGB (10^9 bytes), %sGiB (2^30) or %sB", t, parts[1], parts[1], parts[1])
	case !known:
		return fmt.Errorf("%q is not a size: %q is no unit here\nwrite it as 500GB (10^9 bytes) or 500GiB (2^30); b alone would be bits", t, parts[2])
	}
	n, err := strconv.ParseFloat(parts[1], 64)
	if bytes := math.Floor(n * unit); err == nil && bytes >= 1 && bytes <= 1<<62 {
		*s = size(bytes)
		return nil
	}
	return fmt.Errorf("%q is not a size between 1 byte and 4 EiB\nwrite it as 500GB or 2TB, or leave the key out", t)
}
