package tagging

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// Expect is the change that a test in a rules file wants, and nothing besides it.
type Expect struct {
	Add         []string `yaml:"add"`
	Remove      []string `yaml:"remove"`
	Title       *string  `yaml:"title"`
	Description *string  `yaml:"description"`
	Category    string   `yaml:"category"`
	Waiting     []string `yaml:"waiting"` // compared when it is given
	Dropped     int      `yaml:"dropped"` // how many tags or texts do not fit
	Locked      bool     `yaml:"locked"`
}

// TestResult is the outcome of one test of a rules file. No Faults: it passed.
type TestResult struct {
	Name   string   `json:"name"`
	Faults []string `json:"faults,omitempty"`
}

func (p parser) tests(rules map[string]int) {
	named := map[string]bool{}
	known := sorted(rules)
	media := make([]rule.Sample, len(p.spec.Tests))
	for i, t := range p.spec.Tests {
		media[i] = t.Media
	}
	if !p.Afford("$.tests", media, 2*len(p.spec.Rules)) { // each is decided twice
		return
	}
	for i, t := range p.spec.Tests {
		if p.Full() {
			return
		}
		path := fmt.Sprintf("$.tests[%d]", i)
		switch {
		case t.Name == "":
			p.Add(path+".name", "a test without a name", "say what it shows")
		case named[t.Name]:
			p.Add(path+".name", fmt.Sprintf("the name %q again", t.Name), "")
		}
		named[t.Name] = true
		if p.Has(path+".media") == p.Has(path+".fixture") {
			p.Add(path, "a test needs media: or fixture:", "one of the two")
		}
		if !p.Has(path + ".expect") {
			p.Add(path, "a test without expect", "write expect: {} for no change")
		}
		p.CheckSample(path+".media", t.Media)
		if t.Expect.Category != "" {
			p.category(path+".expect.category", t.Expect.Category)
		}
		for j, name := range t.Expect.Waiting {
			if _, ok := rules[name]; !ok && !p.Full() {
				p.Add(fmt.Sprintf("%s.expect.waiting[%d]", path, j), fmt.Sprintf("no rule %q", name), rule.Suggest(name, known))
			}
		}
	}
}

// Test runs the tests of the file, in order. Fixtures are JSON files of a
// video.Media, or of a video.Image under the key "image", read from the folder
// given; nil will do when the tests name none. Besides what a test expects, the
// media after the change must need no other.
func (r *Rules) Test(fixtures fs.FS) []TestResult {
	results := make([]TestResult, len(r.tests))
	for i, t := range r.tests {
		results[i].Name = t.Name
		facts := t.Media.Facts()
		if t.Fixture != "" {
			var err error
			if facts, err = Fixture(fixtures, t.Fixture); err != nil {
				results[i].Faults = []string{err.Error()}
				continue
			}
		}
		d := r.Decide(&facts)
		results[i].Faults = r.compare(t.Expect, d)
		d.apply(&facts, r)
		if again := r.Decide(&facts); !again.Change.Empty() {
			results[i].Faults = append(results[i].Faults, "a second event would change it again: "+again.Reasons[0].String())
		}
	}
	return results
}

// Fixture reads the facts of a media from a JSON file: a video.Media, or a
// video.Image under the key "image". Ages count to rule.SampleTime.
func Fixture(fixtures fs.FS, name string) (rule.Facts, error) {
	if fixtures == nil {
		return rule.Facts{}, fmt.Errorf("fixture %s: no folder of fixtures given", name)
	}
	raw, err := fs.ReadFile(fixtures, name)
	if err != nil {
		return rule.Facts{}, fmt.Errorf("fixture: %w", err)
	}
	var wire struct {
		video.Media
		Image *video.Image `json:"image"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(raw, []byte("\ufeff")), &wire); err != nil { // some editors put that mark first
		return rule.Facts{}, fmt.Errorf("fixture %s: %w", name, err)
	}
	if wire.Image != nil {
		return rule.FactsOfImage(*wire.Image, rule.SampleTime), nil
	}
	return rule.FactsOf(wire.Media, rule.SampleTime), nil
}

func (r *Rules) compare(want Expect, got Decision) (faults []string) {
	differ := func(what string, want, got any) {
		faults = append(faults, fmt.Sprintf("%s: want %v, got %v", what, want, got))
	}
	lists := func(what string, want, got []string) {
		want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
		if !slices.Equal(want, got) {
			differ(what, "["+strings.Join(want, ", ")+"]", "["+strings.Join(got, ", ")+"]")
		}
	}
	lists("add", want.Add, got.Change.Tags.Add)
	lists("remove", want.Remove, got.Change.Tags.Remove)
	if text(want.Title) != text(got.Change.Set.Title) {
		differ("title", text(want.Title), text(got.Change.Set.Title))
	}
	if text(want.Description) != text(got.Change.Set.Description) {
		differ("description", text(want.Description), text(got.Change.Set.Description))
	}
	category := "none"
	if id := got.Change.Set.Category; id != nil {
		category = fmt.Sprint(*id)
		if name := r.categoryName(*id); name != "" && want.Category != category {
			category = name
		}
	}
	if wanted := want.Category; wanted != category && (wanted != "" || category != "none") {
		differ("category", wanted, category)
	}
	if want.Waiting != nil {
		lists("waiting", want.Waiting, got.Waiting)
	}
	if want.Dropped != len(got.Dropped) {
		differ("dropped", want.Dropped, got.Dropped)
	}
	if want.Locked != (got.Locked != "") {
		differ("locked", want.Locked, cmp.Or(got.Locked, "false"))
	}
	for _, fault := range got.Faults {
		faults = append(faults, "rule failed: "+fault)
	}
	return faults
}

func text(p *string) string {
	if p == nil {
		return "none"
	}
	return fmt.Sprintf("%q", *p)
}

func sorted(m map[string]int) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
