package insight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// Compile compiles an expression that a person typed. Its error has the place and a hint.
func Compile(text string) (*rule.Program, error) {
	p, err := rule.Compile(text)
	if err == nil {
		return p, nil
	}
	var all []error
	for _, one := range unjoined(err) {
		var e *rule.ExprError
		if errors.As(one, &e) && e.Hint != "" {
			one = fmt.Errorf("%w (%s)", one, e.Hint)
		}
		all = append(all, one)
	}
	return nil, fmt.Errorf("the expression at line:column %w\nvodctl rules show facts lists what an expression may ask", errors.Join(all...))
}

func unjoined(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.Clone(all.Unwrap())
	}
	return []error{err}
}

// Hit is an asset that was found, for programs. What is not known is null.
type Hit struct {
	ID       video.ID   `json:"id"`
	Kind     *string    `json:"kind"`
	Title    string     `json:"title"`
	Status   *string    `json:"status"`
	Category *string    `json:"category"`
	Tags     []string   `json:"tags"`
	Bytes    *int       `json:"bytes"`
	Duration *float64   `json:"duration"`
	Uploaded *time.Time `json:"uploaded"`
}

// known is a fact for programs: nil where it is not known.
func known[T any](f *rule.Facts, name string) *T {
	v, ok := rule.Value(f, name)
	if t, is := v.(T); ok && is {
		return &t
	}
	return nil
}

// HitOf is what is told of an asset that was found.
func HitOf(one Asset) Hit {
	f := one.Facts
	h := Hit{ID: one.AssetID(), Kind: known[string](f, "kind"), Title: f.Title, Status: known[string](f, "status"), Category: known[string](f, "category"),
		Bytes: known[int](f, "bytes"), Duration: known[float64](f, "duration"), Uploaded: known[time.Time](f, "uploaded")}
	if tags := known[[]string](f, "tags"); tags != nil {
		h.Tags = append([]string{}, *tags...)
	}
	return h
}

// Fitting gives the assets for which an expression is true, and counts those for which that
// is not known by the reason.
func Fitting(ctx context.Context, s *Source, asked *rule.Program, unknown Whys, o Options) iter.Seq2[Asset, error] {
	return func(yield func(Asset, error) bool) {
		m := rule.NewMachine()
		defer m.Free()
		for one, err := range Assets(ctx, s, o) {
			switch {
			case err != nil:
				yield(one, err)
				return
			case one.Facts == nil:
				continue
			}
			switch holds, missing, err := m.Ask(asked, one.Facts); {
			case err != nil:
				unknown.add(err.Error())
			case holds == rule.Unknown:
				unknown.add(because(missing))
			case holds == rule.Yes && !yield(one, nil):
				return
			}
		}
	}
}

// Whys counts assets by why nothing is known of them.
type Whys map[string]int

// maxReasons bounds them; those beyond are counted together.
const maxReasons = 20

func (r Whys) add(why string) {
	if _, ok := r[why]; !ok && len(r) >= maxReasons {
		why = "unknown for other reasons"
	}
	r[why]++
}

// Told are the reasons in words, the most frequent first.
func (r Whys) Told() (all []string) {
	for _, why := range slices.SortedFunc(maps.Keys(r), func(x, y string) int { return cmp.Or(r[y]-r[x], strings.Compare(x, y)) }) {
		all = append(all, report.Count(r[why], "asset")+": "+why)
	}
	return all
}

// place is the number of a stream, which makes no other reason.
var place = regexp.MustCompile(`\[\d+\]`)

func because(missing []string) string {
	var names []string
	for _, name := range missing {
		if name = place.ReplaceAllString(name, ""); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	verb := "is"
	if len(names) > 1 {
		verb = "are"
	}
	return fmt.Sprintf("unknown because %s %s missing", strings.Join(names, ", "), verb)
}
