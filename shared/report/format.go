package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Moment is how people read a time: to the second, and always with its zone.
const Moment = "2006-01-02 15:04:05Z07:00"

// Bytes writes a size for people, in decimal units as the bill has them. A
// negative size is one that nobody knows.
func Bytes(n int64) string {
	switch {
	case n < 0:
		return "unknown"
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n), []string{"kB", "MB", "GB", "TB", "PB"}
	unit := ""
	for _, unit = range units {
		if value /= 1000; value < 999.95 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// Count writes a number with its noun: "1 video", "2,400 videos".
func Count(n int, noun string) string {
	if stem, y := strings.CutSuffix(noun, "y"); n != 1 && y && !strings.HasSuffix(stem, "a") { // policies, days
		noun = stem + "ies"
	} else if n != 1 {
		noun += "s"
	}
	return Number(n) + " " + noun
}

// Number groups digits by thousands.
func Number(n int) string {
	s := strconv.Itoa(n)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Duration writes a length of time in the largest two units that matter.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < day:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", d/day, int((d % day).Hours()))
}

// Beside is a note in brackets; empty: there is none.
func Beside(note string) string {
	if note == "" {
		return ""
	}
	return " (" + note + ")"
}
