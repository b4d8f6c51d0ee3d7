package rule

import (
	"bytes"
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"golang.org/x/text/width"
)

// Fault is one mistake in a file, with its place: line and column count from 1.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path,omitempty"` // $.rules[0].when
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Excerpt string `json:"excerpt,omitempty"` // the line with a caret below
}

// Error is the fault as a person reads it: place, what is wrong, the line with a
// caret, and the hint.
func (f *Fault) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
	if f.Excerpt != "" {
		b.WriteString("\n" + f.Excerpt)
	}
	if f.Hint != "" {
		b.WriteString("\n  hint: " + f.Hint)
	}
	return b.String()
}

// Faults lists the faults inside an error that File.Err returned.
func Faults(err error) []*Fault {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		var all []*Fault
		for _, err := range many.Unwrap() {
			all = append(all, Faults(err)...)
		}
		return all
	}
	var one *Fault
	if errors.As(err, &one) {
		return []*Fault{one}
	}
	return nil
}

// File is a file that was read: it knows where each value stands, and gathers
// the faults that its reader and its users find, so that all are told at once.
type File struct {
	name                 string
	lines                []string
	conditions, patterns int // compiled so far, and the size of their patterns
	steps                int // that all of them take on one asset
	places               map[string]ast.Node
	faults               []*Fault
}

// maxDepth bounds how deep a file may nest: ours need six levels.
const maxDepth = 32

// Decode reads YAML into the struct that into points to. What is wrong is kept in
// the File and left out of the value, so that the caller can look for further
// mistakes before it asks for File.Err. Unknown and repeated keys, wrong types, a
// value left empty, a second document, anchors and tags are mistakes.
//
// The library's own decoder stops at the first mistake it meets, so the tree is
// walked here; a scalar type of ours says what it accepts by UnmarshalText.
func Decode(name string, raw []byte, into any) *File {
	raw = bytes.TrimPrefix(raw, []byte("\uFEFF"))
	f := &File{name: name, lines: strings.Split(string(raw), "\n"), places: map[string]ast.Node{}}
	if !utf8.Valid(raw) {
		f.fault(1, 1, "$", "the file is not UTF-8", "")
		return f
	}
	if len(raw) > 1<<20 {
		f.fault(1, 1, "$", "the file is larger than 1 MB", "")
		return f
	}
	if line, message := nested(f.lines); line > 0 {
		f.fault(line, 1, "$", message, "")
		return f
	}
	all, line, message := tokens(string(raw))
	if line > 0 {
		f.fault(line, 1, "$", message, "")
		return f
	}
	tree, err := parseYAML(all)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			at := syntax.GetToken().Position
			f.fault(at.Line, at.Column, "$", "not YAML: "+syntax.GetMessage(), "look at the indentation, and put text with : or # in quotes")
		} else {
			f.fault(1, 1, "$", "not YAML: "+err.Error(), "")
		}
		return f
	}
	var docs []*ast.DocumentNode
	for _, doc := range tree.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			docs = append(docs, doc)
		}
	}
	if len(docs) == 0 {
		f.fault(1, 1, "$", "the file is empty", "")
		return f
	}
	f.decode(docs[0].Body, reflect.ValueOf(into).Elem(), "$", 0)
	if len(docs) > 1 {
		line, column := position(docs[1].Body)
		f.fault(line, column, "$", "a second document", "remove the --- line: one file holds one document, and the rest would be ignored")
	}
	return f
}

// parseYAML keeps a panic of the YAML library, of which a few are known, from
// ending the program over a file.
func parseYAML(all token.Tokens) (tree *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be read: %v", p)
		}
	}()
	return parser.Parse(all, 0, parser.AllowDuplicateMapKey())
}

// Err is nil, or all faults joined in the order of their places.
func (f *File) Err() error {
	slices.SortStableFunc(f.faults, func(a, b *Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var all []error
	for i, fault := range f.faults {
		if i == 0 || *fault != *f.faults[i-1] {
			all = append(all, fault)
		}
	}
	return errors.Join(all...)
}

// Full says that no further mistake would be told, so that there is no use in looking.
func (f *File) Full() bool { return len(f.faults) > maxFileFaults }

// Has says that the file holds a value at the path, for instance $.rules[0].when.
func (f *File) Has(path string) bool { return f.places[path] != nil }

// Add records a fault at a path. When nothing stands there, the nearest value
// around it is the place: that is where something is missing.
func (f *File) Add(path, message, hint string) {
	line, column := f.place(path)
	f.fault(line, column, path, message, hint)
}

// AddIn records a fault inside the text at a path: at is the text of the line in
// question, column counts its characters from 0. The caret then stands under
// that character, however the text is quoted or folded.
func (f *File) AddIn(path, at string, column int, message, hint string) {
	line, start := f.place(path)
	at = strings.TrimRight(at, " \t\r")
	for i := max(line, 1) - 1; i < len(f.lines); i++ {
		if i > line-1 && f.begins(i+1) {
			break
		}
		text, skip := f.lines[i], 0
		if i == line-1 {
			skip = len(prefix(text, start-1))
		}
		if j := strings.Index(text[skip:], at); j >= 0 {
			f.fault(i+1, utf8.RuneCountInString(text[:skip+j])+column+1, path, message, hint)
			return
		}
	}
	f.fault(line, start, path, message, hint)
}

// begins says that a value begins in this line, so a search for the text of one that
// began before went too far.
func (f *File) begins(line int) bool {
	for _, node := range f.places {
		if l, _ := position(node); l == line {
			return true
		}
	}
	return false
}

func (f *File) place(path string) (line, column int) {
	for {
		if node := f.places[path]; node != nil {
			return position(node)
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return 1, 1
		}
		path = path[:i]
	}
}

func (f *File) fault(line, column int, path, message, hint string) {
	switch {
	case len(f.faults) > maxFileFaults:
		return
	case len(f.faults) == maxFileFaults:
		line, column, path, message, hint = len(f.lines), 1, "$", "there are more mistakes", "mend these first"
	}
	line, column = max(line, 1), max(column, 1)
	fault := &Fault{File: f.name, Line: line, Column: column, Path: path, Message: message, Hint: hint}
	if line <= len(f.lines) {
		text, at := window(strings.TrimRight(f.lines[line-1], "\r"), column-1)
		label := fmt.Sprintf("%5d | ", line)
		fault.Excerpt = label + text + "\n" + strings.Repeat(" ", len(label)-2) + "| " + pad(prefix(text, at)) + "^"
	}
	f.faults = append(f.faults, fault)
}

// maxExcerpt is how many characters of a line are shown.
const maxExcerpt = 200

// window is the part of a line around a character, and where that is in it.
func window(text string, at int) (string, int) {
	if utf8.RuneCountInString(text) <= maxExcerpt {
		return text, at
	}
	if from := at - maxExcerpt/2; from > 0 {
		text, at = "…"+text[len(prefix(text, from)):], at-from+1
	}
	if head := prefix(text, maxExcerpt); head != text {
		text = head + "…"
	}
	return text, at
}

// prefix is the first n characters of a text.
func prefix(text string, n int) string {
	for i := range text {
		if n--; n < 0 {
			return text[:i]
		}
	}
	return text
}

// pad is as wide on a screen as the text: tabs stay, wide characters become the
// wide blank.
func pad(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			return '\u3000'
		}
		return ' '
	}, text)
}

func position(node ast.Node) (line, column int) {
	token := node.GetToken()
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 { // its own token is the first colon
		token = m.Values[0].Key.GetToken()
	}
	if token == nil || token.Position == nil {
		return 1, 1
	}
	return token.Position.Line, token.Position.Column
}

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

func (f *File) decode(node ast.Node, v reflect.Value, path string, depth int) {
	if f.Full() {
		return
	}
	f.places[path] = node
	line, column := position(node)
	refuse := func(message, hint string) { f.fault(line, column, path, message, hint) }
	if depth > maxDepth {
		refuse("nested too deeply", "")
		return
	}
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		refuse("anchors, aliases and merges are not read here", "write the value out: each rule then says all it does")
		return
	case *ast.TagNode:
		refuse("YAML tags are not read here", "quote a text that begins with !")
		return
	case *ast.NullNode:
		refuse(last(path)+" has no value", "give it one or remove the key")
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		f.decode(node, v.Elem(), path, depth)
		return
	}
	if v.Addr().Type().Implements(textType) {
		text, ok := scalar(node)
		if !ok {
			refuse(fmt.Sprintf("%s is %s, want one value", last(path), kind(node)), "")
		} else if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			message, hint, _ := strings.Cut(err.Error(), "\n")
			refuse(fmt.Sprintf("%s: %s", last(path), message), hint)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		f.decodeStruct(node, v, path, depth)
	case reflect.Map:
		f.decodeMap(node, v, path, depth)
	case reflect.Slice:
		list, ok := node.(*ast.SequenceNode)
		if !ok {
			refuse(fmt.Sprintf("%s is %s, want a list", last(path), kind(node)), "write [a, b], or one - line for each")
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
		for i, item := range list.Values {
			f.decode(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1)
		}
	default:
		f.decodeScalar(node, v, path)
	}
}

func (f *File) decodeScalar(node ast.Node, v reflect.Value, path string) {
	line, column := position(node)
	text, ok := scalar(node)
	number := strings.ReplaceAll(text, "_", "")
	want, hint := "a text", ""
	switch v.Kind() {
	case reflect.String:
		if ok { // a bare 2024 is the text 2024, as its writer meant
			v.SetString(text)
			return
		}
	case reflect.Bool:
		if b, is := node.(*ast.BoolNode); is {
			v.SetBool(b.Value)
			return
		}
		want = "true or false"
		if ok && slices.Contains([]string{"yes", "no", "on", "off"}, text) {
			hint = "yes, no, on and off are texts in YAML: write true or false"
		}
	case reflect.Int, reflect.Int64:
		if n, err := strconv.ParseInt(number, 0, 64); err == nil && node.Type() == ast.IntegerType {
			v.SetInt(n)
			return
		}
		want, hint = "a whole number", unquoted(node, text)
	case reflect.Float64:
		if n, err := strconv.ParseFloat(number, 64); err == nil && (node.Type() == ast.IntegerType || node.Type() == ast.FloatType) {
			v.SetFloat(n)
			return
		}
		want, hint = "a number", unquoted(node, text)
	default:
		panic(fmt.Sprintf("rule: %s has a type that a file cannot hold: %s", path, v.Type()))
	}
	is := kind(node)
	if hint == plainDigits {
		is = fmt.Sprintf("written %.40q", text)
	}
	f.fault(line, column, path, fmt.Sprintf("%s is %s, want %s", last(path), is, want), hint)
}

const plainDigits = "write plain digits, at most 18, as 12 or 0.5"

// unquoted is the hint where something else stands and a number is wanted: a text, or a number
// in a form that is not read, such as .nan, 0x8 or 1e308.
func unquoted(node ast.Node, text string) string {
	s, is := node.(*ast.StringNode)
	_, err := strconv.ParseFloat(text, 64)
	bare := is && s.Token.Type == token.StringType
	switch {
	case text != "" && (kind(node) == "a number" || bare && err == nil):
		return plainDigits
	case is:
		return "leave out the quotes and any unit"
	}
	return ""
}

func (f *File) decodeStruct(node ast.Node, v reflect.Value, path string, depth int) {
	fields := map[string]reflect.Value{}
	var names []string
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ","); name != "" && name != "-" {
			fields[name] = v.Field(i)
			names = append(names, name)
		}
	}
	f.pairs(node, path, func(key string, at, value ast.Node) {
		field, ok := fields[key]
		if !ok {
			line, column := position(at)
			f.fault(line, column, path+"."+key, fmt.Sprintf("unknown key %q in %s", key, last(path)), Suggest(key, names))
			return
		}
		f.decode(value, field, path+"."+key, depth+1)
	})
}

func (f *File) decodeMap(node ast.Node, v reflect.Value, path string, depth int) {
	v.Set(reflect.MakeMap(v.Type()))
	f.pairs(node, path, func(key string, _, value ast.Node) {
		item := reflect.New(v.Type().Elem()).Elem()
		f.decode(value, item, path+"."+key, depth+1)
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), item)
	})
}

func (f *File) pairs(node ast.Node, path string, each func(key string, at, value ast.Node)) {
	mapping, ok := node.(ast.MapNode)
	if !ok {
		line, column := position(node)
		f.fault(line, column, path, fmt.Sprintf("%s is %s, want keys with values", last(path), kind(node)), "")
		return
	}
	seen := map[string]int{}
	for it := mapping.MapRange(); it.Next() && !f.Full(); {
		line, column := position(it.Key())
		key, ok := scalar(it.Key())
		switch {
		case it.Key().IsMergeKey():
			f.fault(line, column, path, "anchors, aliases and merges are not read here", "write the keys out")
		case !ok:
			f.fault(line, column, path, "a key must be a plain word", "")
		case seen[key] > 0:
			f.fault(line, column, path+"."+key, fmt.Sprintf("key %q again", key), fmt.Sprintf("it stands in line %d already", seen[key]))
		default:
			seen[key] = line
			each(key, it.Key(), it.Value())
		}
	}
}

// scalar is the text of a single value as it was written, without its quotes.
func scalar(node ast.Node) (string, bool) {
	switch node := node.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.LiteralNode:
		return node.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	}
	return "", false
}

func kind(node ast.Node) string {
	switch node.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	case ast.MapNode:
		return "a set of keys"
	}
	return "something else"
}

// last names the value at a path for people: $.rules[2].add[0] is "add[0]".
func last(path string) string {
	if path == "$" {
		return "the file"
	}
	return path[strings.LastIndex(path, ".")+1:]
}

// Of names that are longer, and of more of them, no nearest one is looked for: comparing
// two takes as long as their lengths multiplied.
const (
	longestName = 48
	mostNames   = 200
	namesShown  = 60
	bytesShown  = 1_000 // and the name that goes beyond them
)

// Suggest is a hint for a name that is not among those known: the nearest one,
// or all of them when none is near.
func Suggest(name string, known []string) string {
	best, distance := "", 1+max(1, utf8.RuneCountInString(name)/3)
	for i, k := range known {
		if len(name) > longestName || i == mostNames {
			break
		}
		if len(k) > longestName {
			continue
		}
		if d := edits(strings.ToLower(name), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	shown, bytes := 0, 0
	for shown < min(len(known), namesShown) && bytes < bytesShown {
		bytes += len(known[shown])
		shown++
	}
	if more := len(known) - shown; more > 0 {
		return fmt.Sprintf("known: %s and %d more", strings.Join(known[:shown], ", "), more)
	}
	return "known: " + strings.Join(known, ", ")
}

// edits is the number of insertions, deletions, replacements and swaps of
// neighbours between two words.
func edits(a, b string) int {
	x, y := []rune(a), []rune(b)
	var before, row, next []int
	for j := range len(y) + 1 {
		row = append(row, j)
	}
	for i := range x {
		next = []int{i + 1}
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			d := min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				d = min(d, before[j-1]+1)
			}
			next = append(next, d)
		}
		before, row = row, next
	}
	return row[len(y)]
}
