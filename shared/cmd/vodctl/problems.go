package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
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
	orphan
	duplicate
	forms
	empty
)

var problems = []problem{
	stuck:     {"stuck-upload", "an upload that failed, or has not ended within a day", `vodctl takedown ID --reason "its upload never ended"`},
	failed:    {"failed-transcode", "transcoding or production failed", "transcode it again in VOD's console, or vodctl takedown ID --reason WHY"},
	lost:      {"nothing-plays", "the source file is gone, and no stream plays the whole", "upload it again, or vodctl takedown ID --reason WHY"},
	orphan:    {"unshown-image", "no asset of the library shows the image; a page of yours may", "delete it in VOD's console: vodctl removes no uploaded images"},
	duplicate: {"duplicate", "another asset has the same file", "keep the oldest: vodctl takedown ID --reason duplicate"},
	forms:     {"tag-forms", "tags that differ only in case, width, dashes or blanks", "vodctl tags merge ID"},
	empty:     {"empty-category", "no asset is in the category or below it", "delete it in VOD's console: vodctl writes no categories"},
}

// uploadDays is after how many days an upload counts as stuck: VOD's addresses live for hours.
const uploadDays = 1

func problemsCommand(a *tool) *cobra.Command {
	s, only, ids := inspected{Source: insight.Source{Kind: allKinds}}, "", false
	var names []string
	for _, p := range problems {
		names = append(names, p.name)
	}
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "problems",
		Short:       "Find stuck uploads, failed transcodes, what plays nothing, unshown images, duplicates, tags in two forms, empty categories",
		Long: `Find what is wrong with the library, each kind with its count, its bytes and what mends it.
Where a fact is missing the asset is counted as doubtful and not as a problem. Duplicates are
those of one MD5 where VOD tells it; of others the same size, length and title are a guess,
and the line says so. With --only NAME --ids the ids alone are printed, one a line; the
oldest of a group of duplicates is not among them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if only != "" && !slices.Contains(names, only) || ids && only == "" {
				return fmt.Errorf("%w: --only %q: want one of %s; --ids needs one", errUsage, only, strings.Join(names, ", "))
			}
			return a.problems(cmd.Context(), s, only, ids)
		},
	}
	cmd.Flags().StringVar(&s.file, "library", "", "a file of vodctl snapshot instead of the account's library")
	cmd.Flags().StringVar(&only, "only", "", "only this one of: "+strings.Join(names, ", "))
	cmd.Flags().BoolVar(&ids, "ids", false, "print the ids alone, one a line")
	return cmd
}

// finding is what was found of a problem: all of it in one line, or each group in one.
type finding struct {
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

func (f *finding) add(id video.ID, bytes int64) {
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
	simple [orphan]finding // those that an asset has by itself
	shown  map[uint64]bool // paths of pictures, hashed
	images []copyOf
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

func (a *tool) problems(ctx context.Context, s inspected, only string, ids bool) error {
	look := survey{shown: map[uint64]bool{}, tags: map[string]map[string]int{}, used: map[int64]bool{}, seed: maphash.MakeSeed()}
	for one, err := range a.assets(ctx, &s) {
		switch {
		case err != nil:
			return err
		case one.Tree != nil:
			look.tree = *one.Tree
		case one.Image != nil:
			look.image(one)
		default:
			look.media(one)
		}
	}
	if s.Head != nil && s.Head.Kind != allKinds {
		_ = a.warn("images were not looked at: %s has none; vodctl snapshot --kind all writes them too", s.file)
	}
	all := look.findings()
	if only != "" {
		all = slices.DeleteFunc(all, func(f finding) bool { return f.Problem != only })
	}
	if ids {
		for _, f := range all {
			for _, id := range f.IDs {
				if _, err := fmt.Fprintln(a.out, id); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return a.printProblems(all, s.Seen)
}

func (a *tool) printProblems(all []finding, seen int) error {
	rows := a.rows("problem", ">count", ">bytes", ">doubtful", "which", "for example", "mend it by")
	rows.None = "nothing was found"
	for _, f := range all {
		size, example := report.Size(-1), ""
		if f.Unsized < f.Count || f.Count == 0 {
			f.Bytes, size = &f.bytes, report.Size(f.bytes)
		}
		if len(f.IDs) > 0 {
			example = string(f.IDs[0])
		}
		rows.Add(f, f.Problem, f.Count, size, f.Doubtful, report.Short{Text: f.What, Width: 60}, example, f.Mend)
	}
	err := rows.Print()
	if len(all) > 0 {
		err = errors.Join(err, a.say("\n%s looked at; --only NAME --ids lists the ids of one kind\n", report.Count(seen, "asset")))
	}
	return err
}

func (v *survey) media(one insight.Asset) {
	f, size := one.Facts, int64(-1)
	if bytes, ok := rule.Value(f, "bytes"); ok {
		size = int64(bytes.(int))
	}
	for kind, has := range map[int]rule.Truth{stuck: isStuck(one), failed: isFailed(one), lost: isLost(one)} {
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

func (v *survey) image(one insight.Asset) {
	v.words(one.Facts, one.Image.Category)
	if one.Image.URL == "" {
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
func isStuck(one insight.Asset) rule.Truth {
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

func isFailed(one insight.Asset) rule.Truth {
	if one.Status == "" {
		return rule.Unknown
	}
	return truth(one.Status == video.StatusTranscodeFail || one.Status == video.StatusProduceFail)
}

// isLost says that the source file is gone and what is left does not play the whole.
func isLost(one insight.Asset) rule.Truth {
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

func truth(holds bool) rule.Truth {
	if holds {
		return rule.Yes
	}
	return rule.No
}

// fileOf is by what an asset's file is known again; false: nothing tells.
func (v *survey) fileOf(one insight.Asset) (copyOf, bool) {
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

func (v *survey) findings() (all []finding) {
	put := func(kind int, f finding) {
		p := problems[kind]
		f.Problem, f.What, f.Mend = p.name, cmp.Or(f.What, p.what), cmp.Or(f.Mend, p.mend)
		if f.IDs == nil {
			f.IDs = []video.ID{}
		}
		if f.Count+f.Doubtful > 0 {
			all = append(all, f)
		}
	}
	for kind, f := range v.simple {
		put(kind, f)
	}
	var unshown finding
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
func (v *survey) doubles() (exact, guessed finding) {
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
func twoForms(written map[string]int) (f finding, ok bool) {
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
			from = append(from, quoted(tag))
			f.Count += written[tag]
		}
	}
	f.What, f.Mend = strings.Join(say, ", "), "vodctl tags merge "+strings.Join(from, " ")+" --into "+quoted(ways[0])
	return f, true
}

// quoted is a word of a command as a person types it.
func quoted(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return r < 0x80 && !strings.ContainsRune("-_.:/", r) && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// unused are the categories without assets, in them and below.
func (v *survey) unused() (f finding) {
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
