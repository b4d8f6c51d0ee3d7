package fakevod

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Match expression is compiled to a test of one asset. The grammar is that of
// vod-api.md 3.1: fields with =, in and ranges, joined by and; or only inside
// parentheses.

// matcher is a compiled expression. from and to bound the creation time of what
// can match, as far as a leading and-list says so; to is exclusive or inclusive.
type matcher struct {
	test     func(*Server, *Asset) bool
	from, to time.Time // zero: no bound
}

// abilities of a field: E exact =, F fuzzy =, M in, G range.
var fields = map[string]map[string]string{
	"video": videoFields("VideoId"), "audio": videoFields("AudioId"),
	"image": {"ImageId": "E", "AppId": "M", "CateId": "E", "StorageLocation": "EM", "FileName": "FM", "Title": "FM", "Tags": "FM",
		"Description": "FM", "Status": "M", "CreationTime": "G", "ModificationTime": "G"},
	"attached": {"MediaId": "E", "AppId": "M", "CateId": "E", "StorageLocation": "EM", "FileName": "FM", "Title": "FM", "Tags": "FM",
		"Description": "FM", "Status": "M", "CreationTime": "G", "ModificationTime": "G", "BusinessType": "E"},
}

func videoFields(id string) map[string]string {
	m := map[string]string{id: "E", "AppId": "M", "CateId": "E", "StorageLocation": "EM", "Title": "FM", "Tags": "FM", "Description": "FM",
		"Status": "M", "MediaSource": "M", "PreprocessStatus": "M", "Size": "G", "Duration": "G", "CreationTime": "G", "ModificationTime": "G"}
	if id == "VideoId" {
		m[id] = "EM"
	}
	if id == "AudioId" {
		m["StorageLocation"] = "M"
	}
	return m
}

type syntaxError struct{ where string }

func (e syntaxError) Error() string { return "syntax error at " + e.where }

// compileMatch reads an expression for one search type; every error is a syntaxError.
func compileMatch(kind, text string, d Doubtful) (matcher, error) {
	if strings.TrimSpace(text) == "" {
		return matcher{test: func(*Server, *Asset) bool { return true }}, nil
	}
	p := &parser{kind: kind, doubt: d, rest: text}
	if err := p.next(); err != nil {
		return matcher{}, err
	}
	m, err := p.expression(0, d.BareOr)
	if err == nil && p.kindOf != end {
		err = p.wrong()
	}
	return m, err
}

type tokenKind int

const (
	end tokenKind = iota
	word
	quoted
	number
	mark // = ( ) [ ] ,
)

type parser struct {
	kind   string
	doubt  Doubtful
	rest   string
	kindOf tokenKind // of the current token
	text   string
	last   string // the last field: what an error names
}

func (p *parser) wrong() error {
	return syntaxError{clip(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, firstOf(p.last, p.text, "end")), 64)}
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// next moves to the next token.
func (p *parser) next() error {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	if p.rest == "" {
		p.kindOf, p.text = end, ""
		return nil
	}
	c := p.rest[0]
	switch {
	case strings.IndexByte("=()[],", c) >= 0:
		p.cut(mark, 1)
	case c == '\'' || c == '"':
		n := strings.IndexByte(p.rest[1:], c)
		if n < 0 {
			p.text = p.rest
			return p.wrong()
		}
		p.kindOf, p.text, p.rest = quoted, p.rest[1:n+1], p.rest[n+2:]
	case digit(rune(c)) || c == '-' || c == '+':
		p.cut(number, prefix(p.rest, func(r rune) bool { return digit(r) || strings.ContainsRune("+-.eE", r) }))
	case letter(rune(c)) || c == '_':
		p.cut(word, prefix(p.rest, func(r rune) bool { return letter(r) || digit(r) || r == '_' || r == '.' }))
	default:
		p.text = p.rest
		return p.wrong()
	}
	return nil
}

// cut takes the next n bytes as a token.
func (p *parser) cut(kind tokenKind, n int) {
	p.kindOf, p.text, p.rest = kind, p.rest[:n], p.rest[n:]
}

// prefix is how many bytes at the beginning belong to a token.
func prefix(text string, belongs func(rune) bool) int {
	n := strings.IndexFunc(text, func(r rune) bool { return !belongs(r) })
	if n < 0 {
		return len(text)
	}
	return n
}

func digit(r rune) bool { return '0' <= r && r <= '9' }

func letter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

func (p *parser) is(m string) bool { return p.kindOf == mark && p.text == m }

func (p *parser) keyword(w string) bool { return p.kindOf == word && strings.EqualFold(p.text, w) }

// take moves past a mark that has to be here.
func (p *parser) take(m string) error {
	if !p.is(m) {
		return p.wrong()
	}
	return p.next()
}

const maxDepth = 64

// expression reads terms joined by and, or where it is allowed by or.
func (p *parser) expression(depth int, or bool) (matcher, error) {
	if depth > maxDepth {
		return matcher{}, p.wrong()
	}
	m, err := p.term(depth)
	if err != nil {
		return m, err
	}
	joined := ""
	for p.keyword("and") || p.keyword("or") {
		how := strings.ToLower(p.text)
		if how == "or" && !or || joined != "" && joined != how && !p.doubt.BareOr {
			return m, p.wrong()
		}
		joined = how
		if err := p.next(); err != nil {
			return m, err
		}
		var right matcher
		if how == "or" && p.doubt.BareOr {
			right, err = p.conjunction(depth)
		} else {
			right, err = p.term(depth)
		}
		if err != nil {
			return m, err
		}
		m = join(how, m, right)
	}
	return m, nil
}

// conjunction reads terms joined by and, which binds tighter than a bare or.
func (p *parser) conjunction(depth int) (matcher, error) {
	m, err := p.term(depth)
	for err == nil && p.keyword("and") {
		if err = p.next(); err != nil {
			return m, err
		}
		var right matcher
		if right, err = p.term(depth); err == nil {
			m = join("and", m, right)
		}
	}
	return m, err
}

func join(how string, a, b matcher) matcher {
	x, y := a.test, b.test
	if how == "or" {
		return matcher{test: func(s *Server, m *Asset) bool { return x(s, m) || y(s, m) }}
	}
	out := matcher{test: func(s *Server, m *Asset) bool { return x(s, m) && y(s, m) }, from: a.from, to: a.to}
	if b.from.After(out.from) {
		out.from = b.from
	}
	if out.to.IsZero() || !b.to.IsZero() && b.to.Before(out.to) {
		out.to = b.to
	}
	return out
}

func (p *parser) term(depth int) (matcher, error) {
	if p.is("(") {
		if err := p.next(); err != nil {
			return matcher{}, err
		}
		m, err := p.expression(depth+1, true)
		if err != nil {
			return m, err
		}
		return m, p.take(")")
	}
	return p.predicate()
}

func (p *parser) predicate() (matcher, error) {
	if p.kindOf != word {
		return matcher{}, p.wrong()
	}
	field := p.text
	p.last = field
	can := p.can(field)
	if can == "" {
		return matcher{}, p.wrong()
	}
	if err := p.next(); err != nil {
		return matcher{}, err
	}
	if p.keyword("in") {
		return p.among(field, can)
	}
	if err := p.take("="); err != nil {
		return matcher{}, err
	}
	if p.is("(") || p.is("[") {
		if !strings.Contains(can, "G") {
			return matcher{}, p.wrong()
		}
		return p.interval(field)
	}
	if p.kindOf != quoted && p.kindOf != number || !strings.ContainsAny(can, "EFM") {
		return matcher{}, p.wrong()
	}
	value := p.text
	return matcher{test: p.oneOf(field, can, []string{value})}, p.next()
}

// can says what may be asked of a field; empty: it is none.
func (p *parser) can(field string) string {
	if p.doubt.StorageClassFilter && field == "StorageClass" && (p.kind == "video" || p.kind == "audio") {
		return "EM"
	}
	return fields[p.kind][field]
}

// among reads what follows "in".
func (p *parser) among(field, can string) (matcher, error) {
	if !strings.Contains(can, "M") {
		return matcher{}, p.wrong()
	}
	if err := p.next(); err != nil {
		return matcher{}, err
	}
	values, err := p.list()
	if err != nil {
		return matcher{}, err
	}
	return matcher{test: p.oneOf(field, can, values)}, nil
}

func (p *parser) list() ([]string, error) {
	if err := p.take("("); err != nil {
		return nil, err
	}
	var values []string
	for {
		if p.kindOf != quoted && p.kindOf != number || len(values) == 100 {
			return nil, p.wrong()
		}
		values = append(values, p.text)
		if err := p.next(); err != nil {
			return nil, err
		}
		if p.is(")") {
			return values, p.next()
		}
		if err := p.take(","); err != nil {
			return nil, err
		}
	}
}

// bounds are two ends of a range: absent where not given, and whether the range is open there.
type bounds struct {
	text        [2]string
	given, open [2]bool
}

// within says whether a value lies in the range; cmp compares it with an end.
func (b bounds) within(cmp func(end int) int) bool {
	left, right := 1, -1
	if b.given[0] {
		left = cmp(0)
	}
	if b.given[1] {
		right = cmp(1)
	}
	return (left > 0 || left == 0 && !b.open[0]) && (right < 0 || right == 0 && !b.open[1])
}

// bounds reads ("from","to"), with [ ] for inclusive ends.
func (p *parser) bounds() (b bounds, err error) {
	b.open[0] = p.is("(")
	if err := p.next(); err != nil {
		return b, err
	}
	for i := range 2 {
		if p.kindOf == quoted || p.kindOf == number {
			b.text[i], b.given[i] = p.text, true
			if err := p.next(); err != nil {
				return b, err
			}
		}
		if i == 0 {
			if err := p.take(","); err != nil {
				return b, err
			}
		}
	}
	b.open[1] = p.is(")")
	if !b.open[1] && !p.is("]") || !b.given[0] && !b.given[1] {
		return b, p.wrong()
	}
	return b, p.next()
}

// interval reads a range of times or numbers.
func (p *parser) interval(field string) (matcher, error) {
	b, err := p.bounds()
	if err != nil {
		return matcher{}, err
	}
	if field == "CreationTime" || field == "ModificationTime" {
		return p.times(field, b)
	}
	var at [2]float64
	for i := range 2 {
		if at[i], err = strconv.ParseFloat(b.text[i], 64); b.given[i] && err != nil {
			return matcher{}, p.wrong()
		}
	}
	get := func(a *Asset) float64 { return float64(a.Size) }
	if field == "Duration" {
		get = func(a *Asset) float64 { return a.Duration }
	}
	return matcher{test: func(_ *Server, a *Asset) bool {
		v := get(a)
		return b.within(func(end int) int { return cmp.Compare(v, at[end]) })
	}}, nil
}

func (p *parser) times(field string, b bounds) (matcher, error) {
	var at [2]time.Time
	for i := range 2 {
		var err error
		if at[i], err = time.Parse(wireTime, b.text[i]); b.given[i] && err != nil {
			return matcher{}, p.wrong()
		}
	}
	get := func(a *Asset) time.Time { return a.Created }
	if field == "ModificationTime" {
		get = func(a *Asset) time.Time { return a.Modified }
	}
	m := matcher{test: func(_ *Server, a *Asset) bool {
		v := get(a)
		return b.within(func(end int) int { return v.Compare(at[end]) })
	}}
	if field == "CreationTime" {
		m.from, m.to = at[0], at[1]
	}
	return m, nil
}

// oneOf tests a field against values: exactly, or fuzzily where the field is fuzzy.
func (p *parser) oneOf(field, can string, values []string) func(*Server, *Asset) bool {
	get := getters[field]
	if !strings.Contains(can, "F") {
		if len(values) == 1 {
			return func(s *Server, a *Asset) bool { return get(s, a) == values[0] }
		}
		return func(s *Server, a *Asset) bool { return slices.Contains(values, get(s, a)) }
	}
	wanted := make([]string, len(values))
	for i, v := range values {
		wanted[i] = strings.ToLower(v)
	}
	if p.doubt.FuzzyWord {
		return func(s *Server, a *Asset) bool {
			have := strings.FieldsFunc(strings.ToLower(get(s, a)), func(r rune) bool { return r == ',' || r == ' ' })
			return slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(have, w) })
		}
	}
	return func(s *Server, a *Asset) bool {
		have := strings.ToLower(get(s, a))
		return slices.ContainsFunc(wanted, func(w string) bool { return strings.Contains(have, w) })
	}
}

var getters = map[string]func(*Server, *Asset) string{
	"VideoId": assetID, "AudioId": assetID, "ImageId": assetID, "MediaId": assetID,
	"AppId":            func(_ *Server, a *Asset) string { return a.app() },
	"CateId":           func(_ *Server, a *Asset) string { return fmt.Sprint(a.CateID) },
	"StorageLocation":  func(s *Server, _ *Asset) string { return s.storage() },
	"Title":            func(_ *Server, a *Asset) string { return a.Title },
	"Tags":             func(_ *Server, a *Asset) string { return a.Tags },
	"Description":      func(_ *Server, a *Asset) string { return a.Description },
	"Status":           func(_ *Server, a *Asset) string { return a.Status },
	"MediaSource":      func(_ *Server, a *Asset) string { return firstOf(a.MediaSource, "general") },
	"PreprocessStatus": func(*Server, *Asset) string { return "UnPreprocess" },
	"StorageClass":     func(_ *Server, a *Asset) string { return a.storageClass() },
	"BusinessType": func(_ *Server, a *Asset) string {
		if p := a.Picture; a.Kind == "attached" && p != nil {
			return p.Type
		}
		return ""
	},
	"FileName": func(_ *Server, a *Asset) string {
		if p := a.full().Picture; p != nil {
			return p.FileName
		}
		return ""
	},
}

func assetID(_ *Server, a *Asset) string { return a.ID }

// matchFault words a compile error as the service does.
func matchFault(err error) *fault {
	var bad syntaxError
	where := "Match"
	if errors.As(err, &bad) {
		where = bad.where
	}
	return refuse(400, "ErrorMatchSyntax", "The parameter Match."+where+" has an error syntax, please check it.")
}
