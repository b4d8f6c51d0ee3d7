package fakemns

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/localcloud/calls"
)

// operation is a request that was understood as far as its target goes.
type operation struct {
	name  string
	thing string // queue or topic
	path  string // of the resource, for the policy
	do    func(context.Context, calls.Fault) answer
}

func (o operation) resource(s *Server) string {
	return "acs:mns:" + s.opt.Region + ":" + s.opt.Account + ":" + o.path
}

// pairs splits a raw query by hand: a + in a receipt handle must stay a +. It also
// answers the first item that no operation knows.
func pairs(query string) (out map[string]string, odd string) {
	out = map[string]string{}
	for item := range strings.SplitSeq(query, "&") {
		if item == "" {
			continue
		}
		name, value, _ := strings.Cut(item, "=")
		if unescaped, err := url.PathUnescape(value); err == nil {
			value = unescaped
		}
		switch name { // two spellings are in use
		case "receiptHandle", "visibilityTimeout":
			name = strings.ToUpper(name[:1]) + name[1:]
		case "metaOverride":
			name = "metaoverride"
		case "waitseconds", "numOfMessages", "peekonly", "ReceiptHandle", "VisibilityTimeout", "metaoverride":
		default:
			odd = cmp.Or(odd, name)
		}
		out[name] = value
	}
	return out, odd
}

// route finds the operation. Single and batch calls share method and path: the
// root element, numOfMessages or the presence of a body tells them apart.
func (s *Server) route(r *http.Request, path string, q map[string]string, body []byte) (operation, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, p := range parts {
		unescaped, err := url.PathUnescape(p)
		if err != nil || unescaped == "" {
			return operation{}, false
		}
		parts[i] = unescaped
	}
	if parts[0] == "topics" {
		return s.routeTopic(r, parts, q, body)
	}
	if parts[0] != "queues" || len(parts) > 3 || len(parts) == 3 && parts[2] != "messages" {
		return operation{}, false
	}
	if len(parts) == 1 {
		return operation{"ListQueue", "", "/queues", func(context.Context, calls.Fault) answer { return s.list(r) }}, r.Method == http.MethodGet
	}
	name, path := parts[1], "/"+strings.Join(parts, "/")
	key := r.Method + " queue"
	if len(parts) == 3 {
		key = r.Method + " messages"
	}
	row, ok := s.queueRows(name, q, body)[key+variant(key, q, body)]
	if !ok {
		return operation{}, false
	}
	return operation{row.name, name, path, row.do}, true
}

// variant tells calls apart that share method and path.
func variant(key string, q map[string]string, body []byte) string {
	_, many := q["numOfMessages"]
	switch {
	case key == "PUT queue" && q["metaoverride"] == "true":
		return " override"
	case key == "POST messages" && rootOf(body) == "Messages", key == "DELETE messages" && len(bytes.TrimSpace(body)) > 0:
		return " batch"
	case key == "GET messages" && q["peekonly"] == "true" && many:
		return " peek batch"
	case key == "GET messages" && q["peekonly"] == "true":
		return " peek"
	case key == "GET messages" && many:
		return " batch"
	}
	return ""
}

type queueRow struct {
	name string
	do   func(context.Context, calls.Fault) answer
}

// queueRows are the calls on one queue.
func (s *Server) queueRows(name string, q map[string]string, body []byte) map[string]queueRow {
	plain := func(do func() answer) func(context.Context, calls.Fault) answer {
		return func(context.Context, calls.Fault) answer { return do() }
	}
	faulty := func(do func(calls.Fault) answer) func(context.Context, calls.Fault) answer {
		return func(_ context.Context, f calls.Fault) answer { return do(f) }
	}
	receive := func(ctx context.Context, f calls.Fault) answer { return s.get(ctx, name, q, f) }
	peek := plain(func() answer { return s.getPeek(name, q) })
	return map[string]queueRow{
		"PUT queue":               {"CreateQueue", plain(func() answer { return s.create(name, body) })},
		"PUT queue override":      {"SetQueueAttributes", plain(func() answer { return s.setAttributes(name, body) })},
		"GET queue":               {"GetQueueAttributes", plain(func() answer { return s.getAttributes(name) })},
		"DELETE queue":            {"DeleteQueue", plain(func() answer { return s.drop(name) })},
		"POST messages":           {"SendMessage", plain(func() answer { return s.post(name, body) })},
		"POST messages batch":     {"BatchSendMessage", plain(func() answer { return s.postBatch(name, body) })},
		"GET messages":            {"ReceiveMessage", receive},
		"GET messages batch":      {"BatchReceiveMessage", receive},
		"GET messages peek":       {"PeekMessage", peek},
		"GET messages peek batch": {"BatchPeekMessage", peek},
		"PUT messages":            {"ChangeMessageVisibility", faulty(func(f calls.Fault) answer { return s.changeVisibility(name, q, f) })},
		"DELETE messages":         {"DeleteMessage", faulty(func(f calls.Fault) answer { return s.delete(name, q, f) })},
		"DELETE messages batch":   {"BatchDeleteMessage", faulty(func(f calls.Fault) answer { return s.deleteBatch(name, body, f) })},
	}
}

func rootOf(body []byte) string {
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		if start, ok := t.(xml.StartElement); ok {
			return start.Name.Local
		}
	}
}

var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*$`)

func checkName(name string) error {
	switch {
	case len(name) > 120:
		return refuse(400, "QueueNameLengthError", "Queue name length should between 1 and 120.")
	case !goodName.MatchString(name):
		return refuse(400, "InvalidQueueName", "The queue name you provided is invalid. QueueName should start with alpha and contain only alpha, digit or -.")
	}
	return nil
}

func attributes(body []byte, base Attributes) (Attributes, error) {
	var x xmlAttributes
	if len(bytes.TrimSpace(body)) > 0 {
		if err := readXML(body, "Queue", &x); err != nil {
			return base, err
		}
	}
	err := x.apply(&base)
	return base, err
}

func (s *Server) create(name string, body []byte) answer {
	if err := checkName(name); err != nil {
		return failed(err)
	}
	attr, err := attributes(body, defaults)
	if err != nil {
		return failed(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	where := s.host() + "/queues/" + name
	if old := s.queues[name]; old != nil {
		attr.DeadLetter, attr.MaxReceives = old.attr.DeadLetter, old.attr.MaxReceives
		if old.attr != attr {
			return failed(errQueueExists)
		}
		return answer{status: 204, location: where}
	}
	if len(s.queues) >= maxQueues {
		return failed(refuse(400, "InvalidArgument", "The number of queues should between 0 and 1000."))
	}
	q := newQueue(name, attr, time.Now())
	s.queues[name] = q
	return s.kept(answer{status: 201, location: where}, entry{Queue: q.stored()})
}

func (s *Server) setAttributes(name string, body []byte) answer {
	if _, err := attributes(body, defaults); err != nil {
		return failed(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[name]
	if q == nil {
		return failed(errQueueNotExist)
	}
	q.attr, _ = attributes(body, q.attr)
	q.changed = time.Now()
	return s.kept(answer{status: 204}, entry{Queue: q.stored()})
}

// kept is the answer to a change, or an error when it could not be written down.
func (s *Server) kept(a answer, e entry) answer {
	if err := s.record(e); err != nil {
		return failed(err)
	}
	return a
}

func (s *Server) getAttributes(name string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[name]
	if q == nil {
		return failed(errQueueNotExist)
	}
	return answer{status: 200, body: xmlQueue{
		XMLName: xml.Name{Space: namespace, Local: "Queue"}, Name: name, xmlMeta: s.meta(q, time.Now()),
	}}
}

func (s *Server) drop(name string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[name]
	if q == nil {
		return failed(errQueueNotExist)
	}
	delete(s.queues, name)
	q.signal()
	return s.kept(answer{status: 204}, entry{Queue: &storedQueue{Name: name, Gone: true}})
}

// paging reads the headers of the list calls; the marker is the last name, coded.
func paging(r *http.Request) (prefix, after string, most int, err error) {
	prefix, most = r.Header.Get("x-mns-prefix"), 1000
	if marker := r.Header.Get("x-mns-marker"); marker != "" {
		raw, err := base64.StdEncoding.DecodeString(marker)
		if err != nil {
			return "", "", 0, refuse(400, "InvalidArgument", "The value of x-mns-marker is invalid.")
		}
		after = string(raw)
	}
	if n := r.Header.Get("x-mns-ret-number"); n != "" {
		v, err := number("x-mns-ret-number", n, 1, 1000, "")
		if err != nil {
			return "", "", 0, err
		}
		most = int(v)
	}
	return prefix, after, most, nil
}

// page cuts one page out of sorted names and answers the marker of the next.
func page(names []string, prefix, after string, most int) (out []string, next string) {
	for _, name := range names {
		if name <= after || !strings.HasPrefix(name, prefix) {
			continue
		}
		if len(out) == most {
			return out, base64.StdEncoding.EncodeToString([]byte(out[most-1]))
		}
		out = append(out, name)
	}
	return out, ""
}

func (s *Server) list(r *http.Request) answer {
	prefix, after, most, err := paging(r)
	if err != nil {
		return failed(err)
	}
	names, next := page(s.Queues(), prefix, after, most)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := xmlQueues{Next: next}
	for _, name := range names {
		x := xmlQueue{XMLName: xml.Name{Local: "Queue"}, URL: s.host() + "/queues/" + name}
		if q := s.queues[name]; q != nil && r.Header.Get("x-mns-with-meta") == "true" {
			x.Name, x.xmlMeta = name, s.meta(q, time.Now())
		}
		out.Queues = append(out.Queues, x)
	}
	return answer{status: 200, body: out}
}

// parse checks one message to be sent against the limits.
func (s *Server) parse(x xmlSend, most int) (sending, error) {
	if x.Body == nil || *x.Body == "" {
		return sending{}, errSchema("MessageBody")
	}
	b := sending{body: *x.Body}
	if x.Props != nil {
		var err error
		if b.props, err = properties(x.Props.Values, x.Props.Odd); err != nil {
			return b, err
		}
	}
	if size := len(b.body) + len(b.props); size > most {
		return b, errRange("MessageBody", 1, int64(most), "bytes")
	}
	if x.Delay != nil {
		n, err := number("DelaySeconds", *x.Delay, 0, maxDelay, "seconds")
		if err != nil {
			return b, err
		}
		d := time.Duration(n) * time.Second
		b.delay = &d
	}
	if x.Priority != nil && (strings.TrimSpace(*x.Priority) != "0" || !s.opt.Doubts.ZeroPriority) {
		n, err := number("Priority", *x.Priority, 1, 16, "")
		if err != nil {
			return b, err
		}
		b.priority = int(n)
	}
	return b, nil
}

// maxSize answers a queue's own limit, the general one for a queue that is not there:
// what is wrong with the message is told first.
func (s *Server) maxSize(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[name]; q != nil {
		return q.attr.MaxSize
	}
	return maxBody
}

func (s *Server) post(name string, body []byte) answer {
	var x xmlSend
	if err := readXML(body, "Message", &x); err != nil {
		return failed(err)
	}
	b, err := s.parse(x, s.maxSize(name))
	if err != nil {
		return failed(err)
	}
	out, err := s.send(name, []sending{b})
	if err != nil {
		return failed(err)
	}
	return answer{status: 201, body: sent(out[0], true), detail: "1"}
}

func (s *Server) postBatch(name string, body []byte) answer {
	var x xmlBatchSend
	if err := readXML(body, "Messages", &x); err != nil {
		return failed(err)
	}
	if n := len(x.Messages); n < 1 || n > maxBatch {
		return failed(errRange("Messages", 1, maxBatch, ""))
	}
	total := 0
	var good []sending
	errs := make([]error, len(x.Messages))
	most := s.maxSize(name)
	for i, m := range x.Messages {
		b, err := s.parse(m, most)
		total += len(b.body) + len(b.props)
		if errs[i] = err; err == nil {
			good = append(good, b)
		}
	}
	if total > maxBody {
		return failed(errRange("Messages", 1, maxBody, "bytes"))
	}
	if len(good) == 0 {
		return failed(errs[0])
	}
	stored, err := s.send(name, good)
	if err != nil {
		return failed(err)
	}
	out := answer{status: 201, detail: strconv.Itoa(len(good))}
	var list xmlMessages
	for _, err := range errs {
		if err == nil {
			list.Messages = append(list.Messages, sent(stored[0], false))
			stored = stored[1:]
			continue
		}
		var e *Error
		_ = errors.As(err, &e)
		list.Messages = append(list.Messages, xmlMessage{XMLName: rootMessage(false), ErrorCode: e.Code, ErrorMessage: e.Message})
		out.err = err
		if !s.opt.Doubts.PartSentIs201 {
			out.status = 500
		}
	}
	out.body = list
	return out
}

// counted reads how many messages are wanted and whether the batch form is asked for.
func counted(q map[string]string) (most int, batch bool, err error) {
	text, batch := q["numOfMessages"]
	if !batch {
		return 1, false, nil
	}
	n, err := number("numOfMessages", text, 1, maxBatch, "")
	return int(n), true, err
}

func listed(got []message, batch bool, form func(message, bool) xmlMessage) answer {
	a := answer{status: 200, detail: strconv.Itoa(len(got))}
	switch {
	case len(got) == 0:
		return failed(errMessageNotExist)
	case !batch:
		a.body = form(got[0], true)
	default:
		var list xmlMessages
		for _, m := range got {
			list.Messages = append(list.Messages, form(m, false))
		}
		a.body = list
	}
	return a
}

func (s *Server) get(ctx context.Context, name string, q map[string]string, f calls.Fault) answer {
	most, batch, err := counted(q)
	if err != nil {
		return failed(err)
	}
	wait := time.Duration(-1)
	if text, ok := q["waitseconds"]; ok {
		n, err := number("waitseconds", text, 0, maxWait, "seconds")
		if err != nil {
			return failed(err)
		}
		wait = time.Duration(n) * time.Second
	}
	got, err := s.receive(ctx, name, most, wait, 0, f)
	if err != nil && ctx.Err() != nil {
		return failed(errMessageNotExist) // nobody is there to read it
	}
	if err != nil {
		return failed(err)
	}
	return listed(got, batch, handed)
}

func (s *Server) getPeek(name string, q map[string]string) answer {
	most, batch, err := counted(q)
	if err != nil {
		return failed(err)
	}
	got, err := s.peek(name, most)
	if err != nil {
		return failed(err)
	}
	return listed(got, batch, peeked)
}

func (s *Server) changeVisibility(name string, q map[string]string, f calls.Fault) answer {
	handle, text := q["ReceiptHandle"], q["VisibilityTimeout"]
	switch {
	case handle == "":
		return failed(refuse(400, "MissingReceiptHandle", "ReceiptHandle is required."))
	case text == "":
		return failed(refuse(400, "MissingVisibilityTimeout", "VisibilityTimeout is required."))
	}
	n, err := number("VisibilityTimeout", text, 1, maxVisibility, "seconds")
	if err != nil {
		return failed(err)
	}
	if f.Expired {
		s.expire(name, handle)
	}
	m, err := s.extend(name, handle, time.Duration(n)*time.Second)
	if err != nil {
		return failed(err)
	}
	return answer{status: 200, body: xmlVisibility{Handle: m.handle, NextVisible: m.visible.UnixMilli()}}
}

func (s *Server) delete(name string, q map[string]string, f calls.Fault) answer {
	handle := q["ReceiptHandle"]
	if handle == "" {
		return failed(refuse(400, "MissingReceiptHandle", "ReceiptHandle is required."))
	}
	if f.Expired {
		s.expire(name, handle)
	}
	if err := s.remove(name, handle); err != nil {
		return failed(err)
	}
	return answer{status: 204, detail: "1"}
}

func (s *Server) deleteBatch(name string, body []byte, f calls.Fault) answer {
	var x xmlHandles
	if err := readXML(body, "ReceiptHandles", &x); err != nil {
		return failed(err)
	}
	if n := len(x.Handles); n < 1 || n > maxBatch {
		return failed(errRange("ReceiptHandles", 1, maxBatch, ""))
	}
	if !slices.Contains(s.Queues(), name) {
		return failed(errQueueNotExist)
	}
	var list xmlErrors
	a := answer{status: 204}
	if f.Expired {
		s.expire(name, x.Handles[0])
	}
	for _, h := range x.Handles {
		err := s.remove(name, strings.TrimSpace(h))
		var e *Error
		if errors.As(err, &e) {
			list.Errors = append(list.Errors, xmlDeleteError{Code: e.Code, Message: e.Message, Handle: h})
			a.err = err
		}
	}
	a.detail = fmt.Sprintf("%d", len(x.Handles)-len(list.Errors))
	if len(list.Errors) > 0 {
		a.status, a.body = 404, list
	}
	return a
}
