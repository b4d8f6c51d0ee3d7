package fakefc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// schedule knows the planned times of a timer.
type schedule interface {
	Next(after time.Time) time.Time
}

// every is planned at whole multiples of itself since the Unix epoch, so that a
// restart does not shift it.
type every time.Duration

func (e every) Next(after time.Time) time.Time {
	return after.Truncate(time.Duration(e)).Add(time.Duration(e))
}

var sixFields = cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// ParseSchedule reads a timer's expression: six fields, in UTC unless CRON_TZ=
// stands before them, or @every with a number of minutes. It takes what the
// documentation lists and nothing more, since the rest would only fail later, in
// the cloud. Next of what it answers gives the planned times.
func ParseSchedule(expr string) (interface {
	Next(after time.Time) time.Time
}, error) {
	return parseSchedule(expr)
}

func parseSchedule(expr string) (schedule, error) {
	s, err := parse(strings.TrimSpace(expr))
	if err != nil {
		return nil, fmt.Errorf("cronExpression %q: %w", expr, err)
	}
	return s, nil
}

const (
	digits  = "0123456789"
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// cronFields are the six, with the characters that each may hold.
var cronFields = []struct{ name, takes string }{
	{"seconds", digits}, {"minutes", digits + ",-*/"}, {"hours", digits + ",-*/"}, {"day of month", digits + ",-*?/"},
	{"month", digits + letters + ",-*/"}, {"day of week", digits + letters + ",-*?"},
}

// cutZone parts a time zone from the fields; without one it is UTC.
func cutZone(expr string) (zone, fields string, err error) {
	text, ok := strings.CutPrefix(expr, "CRON_TZ=")
	if !ok {
		return "UTC", expr, nil
	}
	zone, fields, ok = strings.Cut(text, " ")
	if !ok || zone == "" || zone == "Local" {
		return "", "", errors.New("CRON_TZ= needs a zone and six fields")
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return "", "", fmt.Errorf("zone: %w", err)
	}
	return zone, fields, nil
}

func parse(expr string) (schedule, error) {
	if text, ok := strings.CutPrefix(expr, "@every "); ok {
		d, err := time.ParseDuration(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		if d < time.Minute || d%time.Minute != 0 {
			return nil, errors.New("an interval is a whole number of minutes, 1 at least")
		}
		return every(d), nil
	}
	zone, expr, err := cutZone(expr)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(expr)
	if len(fields) != 6 {
		return nil, fmt.Errorf("six fields are needed, seconds first, not %d", len(fields))
	}
	for i, f := range fields {
		if at := strings.IndexFunc(f, func(c rune) bool { return !strings.ContainsRune(cronFields[i].takes, c) }); at >= 0 {
			return nil, fmt.Errorf("%s: %q is not allowed", cronFields[i].name, []rune(f[at:])[0])
		}
	}
	if fields[5], err = weekdays(fields[5]); err != nil {
		return nil, err
	}
	s, err := sixFields.Parse("CRON_TZ=" + zone + " " + strings.Join(fields, " "))
	if err != nil {
		return nil, err
	}
	if s.Next(time.Unix(0, 0)).IsZero() {
		return nil, errors.New("it has no date")
	}
	return s, nil
}

// weekdays turns 1-7, where 7 is Sunday, into the parser's 0-6.
func weekdays(field string) (string, error) {
	items := strings.Split(field, ",")
	for i, item := range items {
		low, high, ranged := strings.Cut(item, "-")
		if low == "0" || high == "0" {
			return "", errors.New("day of week: 1 to 7 or MON to SUN")
		}
		sunday := func(s string) bool { return s == "7" || strings.EqualFold(s, "SUN") }
		switch {
		case ranged && sunday(high) && sunday(low):
			items[i] = "0"
		case ranged && sunday(high):
			items[i] = low + "-6,0"
		case sunday(low):
			items[i] = strings.Replace(item, low, "0", 1)
		}
	}
	return strings.Join(items, ","), nil
}

// latest is the last planned time after one moment and not after the other. It
// looks back in growing steps, so that a move over months costs little.
func latest(s schedule, after, until time.Time) (time.Time, bool) {
	for window := time.Hour; ; window *= 8 {
		from := until.Add(-window)
		last := !from.After(after)
		if last {
			from = after
		}
		var found time.Time
		for t := s.Next(from); !t.IsZero() && !t.After(until); t = s.Next(t) {
			found = t
		}
		if !found.IsZero() {
			return found.UTC(), true
		}
		if last {
			return time.Time{}, false
		}
	}
}

// due is a timer that is to fire.
type due struct {
	f  *fn
	t  Trigger
	at time.Time
}

// collect finds the timers with a planned time that was not yet seen, the earliest
// first. However far the clock went, each comes up once, with its latest time.
func (s *Server) collect(now time.Time) (out []due) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.functions {
		for _, t := range f.Triggers {
			if t.Type != "timer" || !t.Enabled {
				continue
			}
			key := f.Name + "/" + t.Name
			if at, ok := latest(s.schedules[key], s.ticked[key], now); ok {
				s.ticked[key] = at
				out = append(out, due{f, t, at})
			}
		}
	}
	slices.SortFunc(out, func(a, b due) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.f.Name+"/"+a.t.Name, b.f.Name+"/"+b.t.Name)
	})
	return out
}

// nextTick is the earliest planned time after those already seen.
func (s *Server) nextTick() (next time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, sched := range s.schedules {
		if at := sched.Next(s.ticked[key]); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, !next.IsZero()
}
