package events

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object read the tolerant way: keys without case and without
// the blanks that some documented samples carry, scalars as numbers or as text.
// A value of another shape than asked for counts as absent.
type object map[string]json.RawMessage

func parse(raw []byte) (object, error) {
	if first(raw) != '{' {
		return nil, errors.New("not a JSON object")
	}
	var wire map[string]json.RawMessage
	if err := json.Unmarshal(raw, &wire); err != nil {
		return nil, err
	}
	o := make(object, len(wire))
	for key, value := range wire {
		if string(value) == "null" {
			continue
		}
		folded := strings.ToLower(strings.TrimSpace(key))
		// Of two spellings of one key the smaller wins, so that the order of a map
		// never decides; nobody has seen both in one event.
		if have, ok := o[folded]; !ok || string(value) < string(have) {
			o[folded] = value
		}
	}
	return o, nil
}

func (o object) has(key string) bool { _, ok := o[key]; return ok }

// text is a string; a number, boolean, object or array as it is written.
func (o object) text(key string) string {
	raw := o[key]
	if first(raw) != '"' {
		return string(raw)
	}
	var s string
	_ = json.Unmarshal(raw, &s) // raw is part of a text that was parsed already
	return s
}

// word is text that blanks around it do not belong to: an id, a code, a status.
func (o object) word(key string) string { return strings.TrimSpace(o.text(key)) }

func (o object) float(key string) float64 {
	f, err := strconv.ParseFloat(o.word(key), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

func (o object) integer(key string) int64 {
	if n, err := strconv.ParseInt(o.word(key), 10, 64); err == nil {
		return n
	}
	if f := o.float(key); f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f)
	}
	return 0
}

func (o object) flag(key string) bool {
	on, err := strconv.ParseBool(strings.ToLower(o.word(key)))
	return err == nil && on
}

// time reads the three documented forms: with seconds, with milliseconds after a
// dot, and with milliseconds after a third colon. The zero time: not said.
func (o object) time(key string) time.Time { return parseTime(o.word(key)) }

func parseTime(s string) time.Time {
	if i := strings.IndexByte(s, 'T'); i >= 0 && strings.Count(s[i:], ":") == 3 && strings.HasSuffix(s, "Z") {
		last := strings.LastIndexByte(s, ':')
		s = s[:last] + "." + s[last+1:]
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || !dated(t) {
		return time.Time{}
	}
	return t.UTC()
}

// dated says that a time can be written again, in UTC: its year has four digits.
func dated(t time.Time) bool { return t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 }

// millis reads Unix milliseconds, as a number or as text.
func millis(o object, key string) time.Time {
	n := o.integer(key)
	if t := time.UnixMilli(n).UTC(); n > 0 && dated(t) {
		return t
	}
	return time.Time{}
}

// list is an array of objects, one object, or a string holding either.
func (o object) list(key string) []object { return objects(o[key]) }

// inner is the first object of list.
func (o object) inner(key string) object {
	if all := o.list(key); len(all) > 0 {
		return all[0]
	}
	return nil
}

func objects(raw []byte) []object {
	switch first(raw) {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil || first([]byte(s)) == '"' {
			return nil // text in text in text is nobody's form
		}
		return objects([]byte(s))
	case '{':
		if o, err := parse(raw); err == nil {
			return []object{o}
		}
	case '[':
		var elements []json.RawMessage
		if json.Unmarshal(raw, &elements) != nil {
			return nil
		}
		var all []object
		for _, element := range elements {
			if o, err := parse(element); err == nil {
				all = append(all, o)
			}
		}
		return all
	}
	return nil
}
