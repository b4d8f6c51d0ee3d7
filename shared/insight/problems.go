package insight

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// problem is a kind of thing that is wrong with a library.
type problem struct {
	name, what string
	mend       string // with the ids or words in place of ID
}

// The problems, in the order in which they are shown.
const (
	stuck = iota
	failed
	lost
	sourceless
	orphan
	duplicate
	forms
	empty
)

var problems = []problem{
	stuck:      {"stuck-upload", "an upload that failed, or has not ended within a day", `vodctl takedown ID --reason "its upload never ended"`},
	failed:     {"failed-transcode", "transcoding or production failed", "transcode it again in VOD's console, or vodctl takedown ID --reason WHY"},
	lost:       {"nothing-plays", "the source file is gone, and no stream plays the whole", "upload it again, or vodctl takedown ID --reason WHY"},
	sourceless: {"no-source", "the source file is gone; what plays cannot be transcoded again", "none is needed where a policy removes sources; else upload the file again"},
	orphan:     {"unshown-image", "no asset of the library shows the image; a page of yours may", "delete it in VOD's console: vodctl removes no uploaded images"},
	duplicate:  {"duplicate", "another asset has the same file", "keep the oldest: vodctl takedown ID --reason duplicate"},
	forms:      {"tag-forms", "tags that differ only in case, width, dashes or blanks", "vodctl tags merge ID"},
	empty:      {"empty-category", "no asset is in the category or below it", "delete it in VOD's console: vodctl writes no categories"},
}

// uploadDays is after how many days an upload counts as stuck: VOD's addresses live for hours.
const uploadDays = 1

// Finding is what was found of a problem: all of it in one line, or each group in one.
type Finding struct {
	Problem  string     `json:"problem"`
	What     string     `json:"what"` // which group of it
	Count    int        `json:"count"`
	Bytes    *int64     `json:"bytes"`       // null: unknown
	Unsized  int        `json:"withoutSize"` // they are not in Bytes
	Doubtful int        `json:"doubtful"`    // whether they have it is not known
	IDs      []video.ID `json:"ids"`
	Mend     string     `json:"mend"`

	bytes int64
}

func (f *Finding) add(id video.ID, bytes int64) {
	f.Count++
	f.IDs = append(f.IDs, id)
	if bytes < 0 {
		f.Unsized++
		return
	}
	f.bytes += bytes
}

// survey looks at a library once. It keeps some words of each asset, and no asset.
type survey struct {
	simple [orphan]Finding // those that an asset has by itself
	shown  map[uint64]bool // paths of pictures, hashed
	images []copyOf
	noURL  int // images of which nobody can say where they are shown
	copies []copyOf
	tags   map[string]map[string]int // by form, then as written
	used   map[int64]bool
	tree   []video.Category
	seed   maphash.Seed
}

// copyOf is an asset among those that may have the same file.
type copyOf struct {
	key   uint64 // of the file, or of the image's path
	exact bool   // by its MD5
	id    video.ID
	bytes int64
}

// ProblemNames are the kinds of problems, in the order in which they are shown.
func ProblemNames() (names []string) {
	for _, p := range problems {
		names = append(names, p.name)
	}
	return names
}

// Problems looks for what is wrong with a library, each kind with what mends it. An asset of
// which a fact is missing counts as doubtful. It keeps some words of each asset, and no asset.
func Problems(ctx context.Context, s *Source, o Options) ([]Finding, error) {
	look := survey{shown: map[uint64]bool{}, tags: map[string]map[string]int{}, used: map[int64]bool{}, seed: maphash.MakeSeed()}
	for one, err := range Assets(ctx, s, o) {
		switch {
		case err != nil:
			return nil, err
		case one.Tree != nil:
			look.tree = *one.Tree
		case one.Image != nil:
			look.image(one)
		default:
			look.media(one)
		}
	}
	if s.Head != nil && s.Head.Kind != AllKinds {
		o.warn("images were not looked at: %s has none; vodctl snapshot --kind all writes them too", s.Name)
	}
	return look.findings(), nil
}

func (v *survey) media(one Asset) {
	f, size := one.Facts, int64(-1)
	if bytes, ok := rule.Value(f, "bytes"); ok {
		size = int64(bytes.(int))
	}
	for kind, has := range map[int]rule.Truth{stuck: isStuck(one), failed: isFailed(one), lost: isLost(one), sourceless: isSourceless(one)} {
		switch has {
		case rule.Yes:
			v.simple[kind].add(one.ID, size)
		case rule.Unknown:
			v.simple[kind].Doubtful++
		}
	}
	v.words(f, one.Category)
	for _, picture := range append([]string{one.Cover}, one.Snapshots...) {
		if path := pathOf(picture); path != "" {
			v.shown[maphash.String(v.seed, path)] = true
		}
	}
	if c, ok := v.fileOf(one); ok {
		c.bytes = size
		v.copies = append(v.copies, c)
	}
}

func (v *survey) image(one Asset) {
	v.words(one.Facts, one.Image.Category)
	if one.Image.URL == "" {
		v.noURL++
		return
	}
	size := one.Image.Size
	if size <= 0 {
		size = -1
	}
	v.images = append(v.images, copyOf{maphash.String(v.seed, pathOf(one.Image.URL)), true, one.Image.ID, size})
}

func (v *survey) words(f *rule.Facts, category int64) {
	for _, tag := range f.Tags {
		form := rule.Fold(tag)
		if v.tags[form] == nil {
			v.tags[form] = map[string]int{}
		}
		v.tags[form][tag]++
	}
	v.used[category] = true
}

// isStuck says that an upload failed or has not ended. The source file tells it too.
func isStuck(one Asset) rule.Truth {
	status := one.Status
	if one.Source != nil && one.Source.Status == string(video.StatusUploadFailed) {
		status = video.StatusUploadFailed
	}
	switch status {
	case video.StatusUploadFailed:
		return rule.Yes
	case video.StatusUploading:
		age, ok := rule.Value(one.Facts, "age_days")
		if !ok {
			return rule.Unknown
		}
		return truth(age.(float64) > uploadDays)
	case "":
		return rule.Unknown
	}
	return rule.No
}

func isFailed(one Asset) rule.Truth {
	if one.Status == "" {
		return rule.Unknown
	}
	return truth(one.Status == video.StatusTranscodeFail || one.Status == video.StatusProduceFail)
}

// isLost says that the source file is gone and what is left does not play the whole.
func isLost(one Asset) rule.Truth {
	gone, ok := rule.Value(one.Facts, "source_gone")
	switch {
	case !ok && isStuck(one) == rule.Yes, ok && !gone.(bool):
		return rule.No
	case !ok:
		return rule.Unknown
	}
	plays, _ := retention.Playable(one.Media)
	return rule.Yes - plays
}

// isSourceless says that the source file is gone while something plays. Whether one that VOD does
// not tell of is gone is not known.
func isSourceless(one Asset) rule.Truth {
	gone, ok := rule.Value(one.Facts, "source_gone")
	if ok && !gone.(bool) {
		return rule.No
	}
	lost := isLost(one)
	if !ok {
		return lost
	}
	return rule.Yes - lost
}

func truth(holds bool) rule.Truth {
	if holds {
		return rule.Yes
	}
	return rule.No
}

// fileOf is by what an asset's file is known again; false: nothing tells.
func (v *survey) fileOf(one Asset) (copyOf, bool) {
	if src := one.Source; src != nil && src.MD5 != "" {
		return copyOf{key: maphash.String(v.seed, "md5 "+strings.ToLower(src.MD5)), exact: true, id: one.ID}, true
	}
	size, sized := rule.Value(one.Facts, "size")
	long, timed := rule.Value(one.Facts, "duration")
	title := rule.Fold(one.Title)
	if !sized || !timed || title == "" {
		return copyOf{}, false
	}
	return copyOf{key: maphash.String(v.seed, fmt.Sprint("like ", size, " ", long, " ", title)), id: one.ID}, true
}

// pathOf is a picture's address without its host and what signs it: a cover may be told by
// another host than the image.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Path
}

func (v *survey) findings() (all []Finding) {
	put := func(kind int, f Finding) {
		p := problems[kind]
		f.Problem, f.What, f.Mend = p.name, cmp.Or(f.What, p.what), cmp.Or(f.Mend, p.mend)
		if f.IDs == nil {
			f.IDs = []video.ID{}
		}
		if f.Unsized < f.Count || f.Count == 0 {
			f.Bytes = &f.bytes
		}
		if f.Count+f.Doubtful > 0 {
			all = append(all, f)
		}
	}
	for kind, f := range v.simple {
		put(kind, f)
	}
	unshown := Finding{Doubtful: v.noURL}
	for _, i := range v.images {
		if !v.shown[i.key] {
			unshown.add(i.id, i.bytes)
		}
	}
	put(orphan, unshown)
	exact, guessed := v.doubles()
	exact.What = "another asset has the same MD5"
	guessed.What = "a guess: another has the same size, length and title; VOD tells no MD5"
	put(duplicate, exact)
	put(duplicate, guessed)
	for _, form := range slices.Sorted(maps.Keys(v.tags)) {
		if f, ok := twoForms(v.tags[form]); ok {
			put(forms, f)
		}
	}
	put(empty, v.unused())
	return all
}

// doubles are the assets that are not the first of their file, which is the oldest.
func (v *survey) doubles() (exact, guessed Finding) {
	first := make(map[uint64]bool, len(v.copies))
	for _, c := range v.copies {
		switch {
		case !first[c.key]:
			first[c.key] = true
		case c.exact:
			exact.add(c.id, c.bytes)
		default:
			guessed.add(c.id, c.bytes)
		}
	}
	return exact, guessed
}

// twoForms is a tag that is written in several ways: what would change is whatever is not
// written as most are.
func twoForms(written map[string]int) (f Finding, ok bool) {
	if len(written) < 2 {
		return f, false
	}
	ways := slices.SortedFunc(maps.Keys(written), func(x, y string) int {
		return cmp.Or(cmp.Compare(written[y], written[x]), strings.Compare(x, y))
	})
	var say, from []string
	for i, tag := range ways {
		say = append(say, fmt.Sprintf("%s (%d)", tag, written[tag]))
		if i > 0 {
			from = append(from, tag)
			f.Count += written[tag]
		}
	}
	f.What, f.Mend = strings.Join(say, ", "), MergeCommand(ways[0], from...)
	return f, true
}

// MergeCommand is the command that makes one tag of several. No tag in it is taken for a flag.
func MergeCommand(into string, from ...string) string {
	dash := func(tag string) bool { return strings.HasPrefix(tag, "-") }
	words := make([]string, len(from))
	for i, tag := range from {
		words[i] = Quoted(tag)
	}
	tags := strings.Join(words, " ")
	if dash(into) || slices.ContainsFunc(from, dash) {
		return "vodctl tags merge --into=" + Quoted(into) + " -- " + tags
	}
	return "vodctl tags merge " + tags + " --into " + Quoted(into)
}

// Quoted is a word of a command as a person types it. What nobody sees is written as a code,
// which bash and zsh read.
func Quoted(word string) string {
	if strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) }) {
		var out strings.Builder
		for _, r := range word {
			switch {
			case r == '\'' || r == '\\':
				out.WriteString(`\` + string(r))
			case unicode.IsPrint(r):
				out.WriteRune(r)
			default:
				fmt.Fprintf(&out, `\U%08x`, r)
			}
		}
		return "$'" + out.String() + "'"
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return r < 0x80 && !strings.ContainsRune("-_.:/", r) && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// unused are the categories without assets, in them and below.
func (v *survey) unused() (f Finding) {
	above := retention.Above(v.tree)
	for id := range v.used {
		for at, n := above[id], 0; at > 0 && n < len(above); at, n = above[at], n+1 {
			v.used[at] = true
		}
	}
	var names []string
	for _, c := range v.tree {
		if !v.used[c.ID] {
			f.Count++
			names = append(names, fmt.Sprintf("%s (%d)", c.Name, c.ID))
		}
	}
	if more := len(names) - 3; more > 0 {
		names = append(names[:3], fmt.Sprintf("%d more", more))
	}
	f.What = strings.Join(names, ", ")
	return f
}
