package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"vodcurator/shared/decide/rule"
)

// consolePolicy is a media asset policy as ApsaraVideo VOD's console shows it.
type consolePolicy struct {
	name       string
	class      string // the storage class to change to; empty: delete
	days       int    // stored longer than; 0: by the days of upload
	stored     string // as it was written
	from, to   time.Time
	ids        []int64
	categories []string // by name
	off        bool

	line int            // of its name
	at   map[string]int // the lines of what was given
}

// The limits of a file: the console has 10 policies.
const (
	maxConsole         = 50
	maxConsoleWords    = 100 // categories of one policy
	maxConsoleMistakes = 50
	maxStored          = 9_000 // days: VOD is not that old
	consoleBytes       = 1 << 20
)

// consoleReader reads the file and gathers what is wrong with it.
type consoleReader struct {
	name   string
	lines  []string
	faults []error
}

func (r *consoleReader) fault(line int, message, hint string) {
	if len(r.faults) == maxConsoleMistakes {
		message, hint = "there are more mistakes", "mend these first"
	}
	if len(r.faults) > maxConsoleMistakes {
		return
	}
	f := &rule.Fault{File: r.name, Line: line, Column: 1, Message: message, Hint: hint}
	if line <= len(r.lines) {
		f.Excerpt = fmt.Sprintf("%5d | %.200q", line, r.lines[line-1])
	}
	r.faults = append(r.faults, f)
}

// parseConsole reads console policies, five lines each. Every mistake is reported at once,
// with its line, as rule.Faults lists them.
func parseConsole(name string, raw []byte) ([]consolePolicy, error) {
	r := &consoleReader{name: name}
	switch {
	case len(raw) > consoleBytes:
		r.fault(1, "the file is larger than 1 MB", "the console has 10 policies")
		return nil, errors.Join(r.faults...)
	case !utf8.Valid(raw):
		r.fault(1, "the file is not UTF-8", "save it as UTF-8")
		return nil, errors.Join(r.faults...)
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u00a0", " ", "\u3000", " ", "：", ":").Replace(string(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	r.lines = strings.Split(text, "\n")
	all := r.policies()
	if len(all) == 0 && len(r.faults) == 0 {
		r.fault(1, "no policy", consoleForm)
	}
	names := map[string]int{}
	for i := range all {
		p := &all[i]
		r.complete(p)
		if first := names[p.name]; first > 0 && p.name != "" {
			r.fault(p.line, fmt.Sprintf("a second policy named %q", p.name), fmt.Sprintf("the first stands in line %d; reasons name the policy that they come from", first))
		}
		names[p.name] = p.line
	}
	return all, errors.Join(r.faults...)
}

const consoleForm = "name: cold videos / action: storage IA / stored longer than: 90 days / categories: 1000025810, Archive footage / status: enabled"

// consoleLine is one line that says something.
type consoleLine struct {
	n          int
	key, value string
	block      int // how many empty lines, or more of them together, stand above it
}

// policies cuts the file into policies. Where each paragraph has one name, it is a policy,
// in whatever order; else each begins with its name.
func (r *consoleReader) policies() []consolePolicy {
	lines, block, empty := []consoleLine{}, 0, true
	for i, text := range r.lines {
		text = strings.TrimSpace(withoutRemark(text))
		if strings.Trim(text, "-=*_# ") == "" {
			if !empty && !strings.HasPrefix(text, "#") {
				block, empty = block+1, true
			}
			continue
		}
		empty = false
		key, value, ok := strings.Cut(strings.TrimLeft(text, "-*• "), ":")
		if !ok {
			key, value, ok = strings.Cut(key, "=")
		}
		known := consoleKey(key)
		switch {
		case !ok:
			r.fault(i+1, "no line of the form key: value", consoleForm)
		case known == "priority":
			r.fault(i+1, "a priority cannot be imported: here every rule is asked", "leave it out, and write the policy of the highest priority first: the first that takes an asset gets the credit")
		case known == "":
			r.fault(i+1, fmt.Sprintf("unknown key %q", strings.TrimSpace(key)), rule.Suggest(strings.TrimSpace(key), consoleKeys()))
		default:
			lines = append(lines, consoleLine{i + 1, known, strings.TrimSpace(value), block})
		}
	}
	return r.gather(lines, paragraphs(lines))
}

// withoutRemark cuts what stands behind # and at least two blanks, or fills the line.
func withoutRemark(text string) string {
	text = strings.ReplaceAll(text, "\t", "  ")
	if i := strings.Index("  "+text, "  #"); i >= 0 {
		return text[:max(i-2, 0)]
	}
	return text
}

// paragraphs says that every paragraph has one name.
func paragraphs(lines []consoleLine) bool {
	names := map[int]int{}
	for _, l := range lines {
		n := 0
		if l.key == "name" {
			n = 1
		}
		names[l.block] += n
	}
	for _, n := range names {
		if n != 1 {
			return false
		}
	}
	return true
}

// gather makes the policies of lines that each belong to one.
func (r *consoleReader) gather(lines []consoleLine, byParagraph bool) (all []consolePolicy) {
	named := 0
	for _, l := range lines {
		if l.key == "name" {
			named++
		}
	}
	for i, l := range lines {
		begins := i == 0 || byParagraph && lines[i-1].block != l.block || !byParagraph && named > 1 && l.key == "name"
		if begins && len(all) == maxConsole {
			r.fault(l.n, fmt.Sprintf("more than %d policies", maxConsole), "the console has 10")
			return all
		}
		if begins {
			all = append(all, consolePolicy{line: l.n, at: map[string]int{}})
		}
		p := &all[len(all)-1]
		if before := p.at[l.key]; before > 0 {
			r.fault(l.n, fmt.Sprintf("%s again", l.key), fmt.Sprintf("it stands in line %d; begin each policy with its name, or put an empty line between two", before))
			continue
		}
		p.at[l.key] = l.n
		r.set(p, l)
	}
	return all
}

// consoleWords are the keys as people write them, without blanks and signs.
var consoleWords = map[string]string{
	"name": "name", "policyname": "name", "policy": "name", "action": "action", "policyaction": "action", "type": "action", "policytype": "action",
	"storedlongerthan": "stored longer than", "storedfor": "stored longer than", "storedformorethan": "stored longer than", "storagetime": "stored longer than",
	"storageduration": "stored longer than", "olderthan": "stored longer than", "uploaded": "uploaded", "uploadtime": "uploaded", "uploadedbetween": "uploaded",
	"uploadtimerange": "uploaded", "categories": "categories", "category": "categories", "status": "status", "state": "status", "priority": "priority",
}

func consoleKey(key string) string {
	return consoleWords[strings.Join(strings.FieldsFunc(rule.Fold(key), func(c rune) bool { return !unicode.IsLetter(c) }), "")]
}

func consoleKeys() []string {
	return []string{"name", "action", "stored longer than", "uploaded", "categories", "status"}
}

// set reads one value.
func (r *consoleReader) set(p *consolePolicy, l consoleLine) {
	unreadable := strings.ContainsFunc(l.value, func(c rune) bool { return !unicode.IsPrint(c) })
	switch {
	case l.value == "":
		r.fault(l.n, l.key+" has no value", consoleForm)
	case unreadable:
		r.fault(l.n, l.key+" holds a character that cannot be seen", "type it anew")
	case l.key == "name":
		if p.name, p.line = l.value, l.n; len(p.name) > 100 {
			r.fault(l.n, fmt.Sprintf("a name of %d bytes, at most 100", len(p.name)), "reasons name the policy")
		}
	case l.key == "action":
		r.action(p, l)
	case l.key == "stored longer than":
		r.stored(p, l)
	case l.key == "uploaded":
		r.uploaded(p, l)
	case l.key == "categories":
		r.categories(p, l)
	default:
		r.status(p, l)
	}
}

var consoleActions = map[string]string{
	"delete": "delete", "deletemediaassets": "delete", "deleteassets": "delete", "remove": "delete",
	"ia": "IA", "infrequentaccess": "IA", "archive": "Archive", "coldarchive": "ColdArchive", "standard": "Standard",
}

func (r *consoleReader) action(p *consolePolicy, l consoleLine) {
	word := strings.Join(strings.FieldsFunc(rule.Fold(l.value), func(c rune) bool { return !unicode.IsLetter(c) }), "")
	for _, lead := range []string{"change", "storageclass", "storage", "class", "to"} {
		word = strings.TrimPrefix(word, lead)
	}
	switch word = consoleActions[strings.TrimSuffix(word, "storage")]; word {
	case "":
		r.fault(l.n, fmt.Sprintf("%q is no action", l.value), "write delete, storage IA, storage Archive or storage Cold Archive")
	case "Standard":
		r.fault(l.n, "storage Standard cannot be imported: a rule takes assets back to Standard by their views, not by their age", "move: {restore: true, in_use: 30d} does that, with a usage file")
	case "delete":
	default:
		p.class = word
	}
}

var (
	consoleSpan = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:more than |longer than |over |> ?)?([0-9]{1,5}) ?(\pL+)$`)
	})
	consoleDay = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[0-9]+[-/.][0-9]+[-/.][0-9]+`) })
)

func (r *consoleReader) stored(p *consolePolicy, l consoleLine) {
	units := map[string]int{"d": 1, "day": 1, "days": 1, "week": 7, "weeks": 7, "month": 30, "months": 30, "year": 365, "years": 365, "天": 1, "日": 1}
	p.stored = rule.Fold(l.value)
	m := consoleSpan().FindStringSubmatch(p.stored)
	if m == nil || units[m[2]] == 0 {
		r.fault(l.n, fmt.Sprintf("%q is no time that an asset is stored", l.value), "write 90 days, or 3 months (of 30 days each)")
		return
	}
	n, _ := strconv.Atoi(m[1]) // five digits at most
	if p.days = n * units[m[2]]; p.days < 1 || p.days > maxStored {
		r.fault(l.n, fmt.Sprintf("%q are %d days, which are not 1 to %d", l.value, p.days, maxStored), "write 90 days")
	}
}

func (r *consoleReader) uploaded(p *consolePolicy, l consoleLine) {
	const hint = "write 2024-01-01 to 2024-12-31"
	text := rule.Fold(l.value)
	var days []time.Time
	for _, word := range consoleDay().FindAllString(text, 3) {
		day, err := time.Parse("2006-1-2", strings.NewReplacer("/", "-", ".", "-").Replace(word))
		if err != nil || day.Year() < 2000 || day.Year() > 2100 {
			r.fault(l.n, fmt.Sprintf("%q is no day of the years 2000 to 2100", word), hint)
			return
		}
		days = append(days, day)
	}
	rest := consoleDay().ReplaceAllString(text, "")
	switch {
	case strings.ContainsAny(rest, "0123456789") && len(days) == 2:
		r.fault(l.n, "times of day cannot be imported, only whole days", hint)
	case len(days) != 2:
		r.fault(l.n, fmt.Sprintf("%q is no range of two days", l.value), hint)
	case days[1].Before(days[0]):
		r.fault(l.n, "the range ends before it begins", hint)
	default:
		p.from, p.to = days[0], days[1]
	}
}

func everyCategory(word string) bool {
	return slices.Contains([]string{"all", "all categories", "any", "*"}, rule.Fold(word))
}

func (r *consoleReader) categories(p *consolePolicy, l consoleLine) {
	all := strings.FieldsFunc(l.value, func(c rune) bool { return strings.ContainsRune(",;，、；", c) })
	for i := range all {
		all[i] = strings.Trim(all[i], " \"'")
	}
	all = slices.DeleteFunc(all, func(c string) bool { return c == "" })
	if i := slices.IndexFunc(all, everyCategory); i >= 0 {
		if len(all) > 1 {
			r.fault(l.n, fmt.Sprintf("%q beside other categories", all[i]), "write all alone, or the categories only; a category of that name goes by its id")
		}
		return
	}
	if n := len(all); n == 0 || n > maxConsoleWords {
		r.fault(l.n, fmt.Sprintf("%d categories, which are not 1 to %d", n, maxConsoleWords), "names or ids, with commas between them; or all")
		return
	}
	for _, c := range all {
		id, err := strconv.ParseInt(c, 10, 64)
		switch {
		case err == nil && id > 0 && !slices.Contains(p.ids, id):
			p.ids = append(p.ids, id)
		case len(c) > 64:
			r.fault(l.n, fmt.Sprintf("a category of %d bytes, at most 64", len(c)), "")
		case err != nil && !slices.Contains(p.categories, c):
			p.categories = append(p.categories, c)
		case err == nil && id <= 0:
			r.fault(l.n, fmt.Sprintf("%q is no id of a category", c), "")
		}
	}
}

func (r *consoleReader) status(p *consolePolicy, l consoleLine) {
	switch rule.Fold(l.value) {
	case "enabled", "enable", "on", "active", "running", "yes", "true":
	case "disabled", "disable", "off", "inactive", "stopped", "no", "false":
		p.off = true
	default:
		r.fault(l.n, fmt.Sprintf("%q is no status", l.value), "write enabled or disabled")
	}
}

// complete says what a policy lacks, or has twice.
func (r *consoleReader) complete(p *consolePolicy) {
	for _, key := range []string{"name", "action", "categories", "status"} { // a list left out is not all of them
		if p.at[key] == 0 {
			r.fault(p.line, "the policy has no line "+key, consoleForm)
		}
	}
	stored, uploaded := p.at["stored longer than"], p.at["uploaded"]
	switch {
	case stored == 0 && uploaded == 0:
		r.fault(p.line, "the policy says no time of upload", "stored longer than: 90 days, or uploaded: 2024-01-01 to 2024-12-31")
	case stored > 0 && uploaded > 0:
		r.fault(max(stored, uploaded), "two times of upload", "the console has one: either stored longer than, or uploaded")
	}
}

// fits says that an asset is of the policy. Nothing younger than a day ever is.
func (p consolePolicy) fits(s consoleSample) bool {
	if len(p.ids)+len(p.categories) > 0 && !slices.Contains(p.ids, s.id) && !slices.Contains(p.categories, s.category) {
		return false
	}
	if p.days > 0 {
		return s.age > float64(p.days)
	}
	at := rule.SampleTime.Add(-time.Duration(s.age * float64(24*time.Hour)))
	return s.age > 1 && !at.Before(p.from) && at.Before(p.to.AddDate(0, 0, 1))
}

// consoleSample is an asset of a test.
type consoleSample struct {
	what     string
	id       int64
	category string
	age      float64 // days
}

// samples are an asset that the policy takes, one that it does not for its time, and one of
// another category. One that the policy takes later than the moment of tests is left out.
func (p consolePolicy) samples() (all []consoleSample) {
	s := consoleSample{}
	switch {
	case len(p.ids) > 0:
		s.id = p.ids[0]
	case len(p.categories) > 0:
		s.category = p.categories[0]
	}
	goes, stays, why := float64(p.days)+1, float64(p.days), "too young"
	if p.days == 0 {
		days := func(t time.Time) float64 { return rule.SampleTime.Sub(t).Hours() / 24 }
		goes, stays, why = days(p.from.Add(12*time.Hour)), days(p.from.Add(-12*time.Hour)), "uploaded the day before"
	}
	add := func(what string, age float64) {
		if s.what, s.age = what, age; age >= 0 {
			all = append(all, s)
		}
	}
	if goes > 1 { // nothing younger goes
		add("of its category and time", goes)
	}
	add(why, stays)
	if len(p.ids)+len(p.categories) > 0 {
		for s.id = 1; slices.Contains(p.ids, s.id); s.id++ {
		}
		s.category = "another category"
		for slices.Contains(p.categories, s.category) {
			s.category += " still"
		}
		add("of another category", cmp.Or(max(goes, 0), 1))
	}
	return all
}
