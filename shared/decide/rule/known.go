package rule

import (
	"fmt"
	"math/bits"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Missing names the facts that are not known, though they may be one day.
func Missing(f *Facts) []string { return f.missing.names() }

// Applies says that the asset can have the fact at all. The height of a sound and
// the duration of an image do not apply.
func Applies(f *Facts, name string) bool {
	b, ok := bit[name]
	return ok && f.never&b == 0
}

// Value is the fact of that name, and whether it is known. What does not apply is
// not known either.
func Value(f *Facts, name string) (value any, known bool) {
	b, ok := bit[name]
	if !ok {
		return nil, false
	}
	return reflect.ValueOf(f).Elem().Field(bits.TrailingZeros64(uint64(b))).Interface(), (f.missing|f.never)&b == 0
}

// Known names the facts that are known, and the known fields of the streams as
// streams[0].height, in the order of Facts.
func Known(f *Facts) []string {
	unknown := f.missing | f.never
	names := (^unknown).names()
	if unknown&bit["streams"] != 0 {
		return names
	}
	for i := range f.Streams {
		s := &f.Streams[i]
		for _, field := range (^(s.missing | s.never)).of(streamNouns) {
			names = append(names, streamField(i, field))
		}
	}
	return names
}

func streamField(i int, field string) string { return fmt.Sprintf("streams[%d].%s", i, field) }

// Without makes a known fact unknown; names are those of Known. It is false, and
// changes nothing, when the fact was not known. Facts that were computed from this one
// stay, and so do copies of f.
func Without(f *Facts, name string) bool {
	if inner, ok := strings.CutPrefix(name, "streams["); ok {
		number, field, _ := strings.Cut(inner, "].")
		i, err := strconv.Atoi(number)
		b := streamBit[field]
		if err != nil || i < 0 || i >= len(f.Streams) || b == 0 || (f.missing|f.never)&bit["streams"] != 0 {
			return false
		}
		if s := f.Streams[i]; (s.missing|s.never)&b != 0 {
			return false
		}
		f.Streams = slices.Clone(f.Streams)
		s := &f.Streams[i]
		s.missing |= b
		reflect.ValueOf(s).Elem().Field(bits.TrailingZeros64(uint64(b))).SetZero()
		return true
	}
	b := bit[name]
	if b == 0 || (f.missing|f.never)&b != 0 {
		return false
	}
	f.missing |= b
	reflect.ValueOf(f).Elem().Field(bits.TrailingZeros64(uint64(b))).SetZero()
	return true
}

// Labelled tells the facts what smart tagging saw. Until then labels are missing.
func Labelled(f *Facts, labels []string) {
	f.Labels = labels
	f.missing &^= bit["labels"]
	f.never &^= bit["labels"]
}

// InCategory moves the facts to a category; an empty name is one not known.
func InCategory(f *Facts, id int64, name string) {
	f.CategoryID, f.Category = int(id), name
	f.missing &^= bit["category_id"]
	f.missingIf("category", id != 0 && name == "")
}

func (f *Facts) missingIf(name string, is bool) {
	if is {
		f.missing |= bit[name]
	} else {
		f.missing &^= bit[name]
	}
}
