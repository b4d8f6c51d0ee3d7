package tagging

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// template is a text with facts filled in: "codec:{codec}", "{file_name|clean}".
type template struct {
	parts   []piece
	prefix  string // the literal beginning
	literal bool   // nothing to fill in
	uses    []string
}

type piece struct {
	text    string // literal, when fact is empty
	fact    string
	filters []filter
}

type filter func(string) string

// filters are what may follow a fact in a template, behind a bar each.
func filters(unwanted []string) map[string]filter {
	drop := map[string]bool{}
	for _, word := range unwanted {
		drop[smallest(word)] = true
	}
	stem := func(s string) string {
		name := strings.TrimRight(s, " ")
		if ext := path.Ext(name); ext != name && slices.Contains(endings, strings.ToLower(ext)) {
			return strings.TrimSuffix(name, ext)
		}
		return s
	}
	words := func(s string) string {
		return squeeze(strings.Map(func(r rune) rune {
			if r == '_' || r == '-' || r == '.' || r == '+' {
				return ' '
			}
			return r
		}, s))
	}
	wanted := func(s string) string {
		fields := strings.Fields(s)
		fields = slices.DeleteFunc(fields, func(w string) bool { return drop[smallest(strings.Trim(w, "()[]"))] })
		return strings.Join(fields, " ")
	}
	return map[string]filter{
		"stem":    stem,
		"words":   words,
		"undated": func(s string) string { return squeeze(dates().ReplaceAllString(s, "$1 $3")) },
		"wanted":  wanted,
		"lower":   strings.ToLower,
		"upper":   strings.ToUpper,
		"caps":    capitals,
		"clean": func(s string) string {
			s = squeeze(dates().ReplaceAllString(stem(s), "$1 $3"))
			return wanted(words(s))
		},
	}
}

// smallest writes each letter as the smallest of those that differ from it in case alone:
// two words are the same then if strings.EqualFold says that they are alike.
func smallest(word string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for q := unicode.SimpleFold(r); q != r; q = unicode.SimpleFold(q) {
			least = min(least, q)
		}
		return least
	}, word)
}

// endings are those of media files. Whatever else stands behind a dot is part of the
// name: "Lesson No. 12", "Show Vol.2".
var endings = strings.Fields(".3g2 .3gp .aac .ac3 .acm .aif .aiff .amr .ape .asf .avi .avif .bmp .caf .dat .dv .f4v .flac .flv .gif " +
	".heic .heif .jpeg .jpg .m2t .m2ts .m2v .m3u8 .m4a .m4b .m4v .mj2 .mka .mkv .mov .mp2 .mp3 .mp4 .mpe .mpeg .mpg .mts .mxf .oga .ogg .ogv " +
	".opus .png .qt .ra .rm .rmvb .svg .swf .tif .tiff .ts .vob .wav .webm .webp .wma .wmv")

// dates finds a day, with or without separators, and a time of day behind it.
var dates = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(^|[^0-9])((?:19|20)[0-9]{2}[-_. ]?(?:0[1-9]|1[0-2])[-_. ]?(?:0[1-9]|[12][0-9]|3[01])(?:[-_T ]?[0-2][0-9][-_:.]?[0-5][0-9](?:[-_:.]?[0-5][0-9])?)?)($|[^0-9])`)
})

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// capitals begins every word with a capital and leaves words that have one
// already, such as VOD or iPhone, as they are.
func capitals(s string) string {
	words := strings.Fields(s)
	for i, word := range words {
		if strings.IndexFunc(word, unicode.IsUpper) < 0 {
			first, size := utf8.DecodeRuneInString(word)
			words[i] = string(unicode.ToTitle(first)) + word[size:]
		}
	}
	return strings.Join(words, " ")
}

func (p parser) template(at, text string) *template {
	t := &template{literal: true}
	for rest := text; rest != ""; {
		if len(t.parts) >= maxParts {
			p.Add(at, fmt.Sprintf("more than %d parts", maxParts), "")
			return nil
		}
		before, after, found := strings.Cut(rest, "{")
		if before != "" {
			t.parts = append(t.parts, piece{text: before})
		}
		if !found {
			break
		}
		inner, behind, closed := strings.Cut(after, "}")
		if !closed {
			p.Add(at, fmt.Sprintf("{ without } in %q", text), "")
			return nil
		}
		fact, pipe, _ := strings.Cut(inner, "|")
		one := piece{fact: strings.TrimSpace(fact)}
		if !p.fillable(at, one.fact) {
			return nil
		}
		if slices.Contains(t.uses, one.fact) && isList(one.fact) { // 20 labels, three times, were 8,000 tags
			p.Add(at, fmt.Sprintf("{%s} is a list and stands here twice", one.fact), "it becomes one tag for each, so once is enough")
			return nil
		}
		if !p.filter(at, pipe, &one) {
			return nil
		}
		t.parts = append(t.parts, one)
		t.uses = append(t.uses, one.fact)
		t.literal = false
		rest = behind
	}
	if len(t.parts) > 0 {
		t.prefix = rule.Compose(t.parts[0].text)
	}
	if len(t.parts) == 0 || t.prefix == "" && strings.Contains(at, ".add[") {
		p.Add(at, "a tag needs a fixed beginning", `such as "codec:{codec}"`)
		return nil
	}
	return t
}

// What one text may hold: it is filled in for each asset.
const (
	maxParts   = 40
	maxFilters = 10
)

// filter finds the filters behind a fact.
func (p parser) filter(at, pipe string, one *piece) bool {
	for name := range strings.SplitSeq(pipe, "|") {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
			continue
		case p.filters[name] == nil:
			p.Add(at, fmt.Sprintf("unknown filter %q", name), rule.Suggest(name, slices.Sorted(maps.Keys(p.filters))))
			return false
		case len(one.filters) == maxFilters:
			p.Add(at, fmt.Sprintf("more than %d filters", maxFilters), "")
			return false
		}
		one.filters = append(one.filters, p.filters[name])
	}
	return true
}

func isList(fact string) bool { return fact == "labels" } // tags cannot be filled in

// fillable says whether a fact can stand in a text.
func (p parser) fillable(at, fact string) bool {
	var names []string
	for _, noun := range rule.Nouns() {
		if noun.Type != "text" && noun.Type != "number" && noun.Type != "list of texts" {
			continue
		}
		names = append(names, noun.Name)
		if noun.Name != fact {
			continue
		}
		if noun.Type == "list of texts" && (fact == "tags" || !strings.Contains(at, ".add[")) {
			p.Add(at, fmt.Sprintf("{%s} is a list", fact), "only a tag can be filled in from labels: it becomes one tag for each")
			return false
		}
		return true
	}
	p.Add(at, fmt.Sprintf("unknown fact {%s}", fact), rule.Suggest(fact, names))
	return false
}

// ready says whether all facts of the template that the asset can have are known.
func (t *template) ready(f *rule.Facts) bool {
	for _, name := range t.uses {
		if _, known := rule.Value(f, name); !known && rule.Applies(f, name) {
			return false
		}
	}
	return true
}

// fill returns the texts: one, or one for each value of a list; none when a fact
// is empty or does not apply, since half a tag is no tag.
func (t *template) fill(f *rule.Facts) []string {
	if t.literal {
		return []string{t.prefix}
	}
	if len(t.parts) == 2 && t.parts[0].fact == "" { // the usual "codec:{codec}"
		out := t.parts[1].values(f)
		for i := range out {
			out[i] = t.prefix + out[i]
		}
		return out
	}
	out := []string{""}
	for _, part := range t.parts {
		values := []string{part.text}
		if part.fact != "" {
			values = part.values(f)
		}
		var next []string
		for _, head := range out {
			for _, value := range values {
				next = append(next, head+value)
			}
		}
		out = next
	}
	return out
}

func (p piece) values(f *rule.Facts) []string {
	value, known := rule.Value(f, p.fact)
	if !known {
		return nil // it does not apply
	}
	if text, ok := value.(string); ok && len(p.filters) == 0 {
		if text = strings.TrimSpace(text); text == "" {
			return nil
		}
		return []string{text}
	}
	var texts []string
	several := false
	switch v := value.(type) {
	case string:
		texts = []string{v}
	case []string:
		texts, several = slices.Clone(v), true
	case float64:
		texts = []string{strconv.FormatFloat(v, 'f', -1, 64)}
	default:
		texts = []string{strconv.FormatInt(reflect.ValueOf(v).Int(), 10)}
	}
	var out []string
	for _, text := range texts {
		for _, filter := range p.filters {
			text = filter(text)
		}
		if text = strings.TrimSpace(text); text != "" {
			out = append(out, text)
		}
	}
	if several { // VOD promises no order, and where there is no room for all, the same ones have to stay
		slices.Sort(out)
	}
	return out
}

// fieldFault says why the provider would not take a title or description.
func fieldFault(set video.Fields) string {
	err := video.Change{ID: "x", Set: set}.Check()
	if err == nil {
		return ""
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(text, video.ErrInvalid.Error()+": ")
}
