package fakemns

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// namespace stands on the root element of answers, and only there: one client
// breaks when a child carries an attribute. On input namespaces are not looked at.
const namespace = "http://mns.aliyuncs.com/doc/v1"

// Error is a refusal in the provider's words.
type Error struct {
	Status        int
	Code, Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func refuse(status int, code, message string) *Error { return &Error{status, code, message} }

var (
	errQueueNotExist   = refuse(404, "QueueNotExist", "The queue name you provided is not exist.")
	errQueueExists     = refuse(409, "QueueAlreadyExist", "The queue you want to create is already exist.")
	errMessageNotExist = refuse(404, "MessageNotExist", "Message not exist.")
	errReceiptHandle   = refuse(400, "ReceiptHandleError", "The receipt handle you provide is not valid.")
	errMalformed       = refuse(400, "MalformedXML", "The XML you provided was not well-formed.")
	errURL             = refuse(400, "InvalidRequestURL", "Http request URL format invalid.")
	errDenied          = refuse(403, "AccessDenied", "The OwnerId that your Access Key Id associated to is forbidden for this operation.")
)

func errQuery(item string) *Error {
	return refuse(400, "InvalidQueryString", fmt.Sprintf("Http request URL contains invalid querystring item %s.", item))
}

func errSchema(element string) *Error {
	return refuse(400, "InvalidArgument", fmt.Sprintf("The XML you provided did not validate against our published schema, cause by %s.", element))
}

func errRange(element string, low, high int64, unit string) *Error {
	return refuse(400, "InvalidArgument", strings.TrimSuffix(fmt.Sprintf("The value of %s should between %d and %d %s", element, low, high, unit), " "))
}

// answer is what an operation has to say: an error, or a status with a body or
// without one.
type answer struct {
	status   int
	body     any    // marshalled when not nil
	location string // of a thing created
	err      error  // logged as the code; written as the body when body is nil
	detail   string // for the call log
}

func failed(err error) answer {
	var e *Error
	if !errors.As(err, &e) {
		e = refuse(500, "InternalError", "Interal error.")
	}
	return answer{status: e.Status, err: e}
}

type xmlError struct {
	XMLName   xml.Name `xml:"http://mns.aliyuncs.com/doc/v1 Error"`
	Code      string
	Message   string
	RequestID string `xml:"RequestId"`
	HostID    string `xml:"HostId"`
}

// Refuse answers a request with an error of this protocol, as faults do.
func (s *Server) Refuse(w http.ResponseWriter, status int, code, message string) {
	s.write(w, s.requestID(), answer{status: status, err: refuse(status, code, message)})
}

func (s *Server) write(w http.ResponseWriter, request string, a answer) {
	h := w.Header()
	h.Set("Server", "AliyunMQS")
	h.Set("x-mns-request-id", request)
	h.Set("x-mns-version", version)
	h.Set("Content-Type", "text/xml;charset=utf-8")
	if a.location != "" {
		h.Set("Location", a.location)
	}
	body := a.body
	var e *Error
	if body == nil && errors.As(a.err, &e) {
		body = xmlError{Code: e.Code, Message: e.Message, RequestID: request, HostID: s.host()}
	}
	var text []byte
	if body != nil {
		text, _ = xml.MarshalIndent(body, "", "  ")             // our own types: they marshal
		text = bytes.ReplaceAll(text, []byte(` xmlns=""`), nil) // which the encoder gives the children
		text = append([]byte("<?xml version=\"1.0\" ?>\n"), text...)
		h.Set("Content-Length", strconv.Itoa(len(text)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(text)
}

// readXML decodes a body whose root must have this name.
func readXML(body []byte, root string, into any) error {
	d := xml.NewDecoder(strings.NewReader(string(body)))
	for {
		token, err := d.Token()
		if err != nil {
			return errMalformed
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local != root {
			return errSchema(start.Name.Local)
		}
		if err := d.DecodeElement(into, &start); err != nil {
			return errMalformed
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			if t, _ := d.Token(); t != nil { // white space and comments may follow
				return errMalformed
			}
		}
		return nil
	}
}

// Numbers come as text, so that a wrong one is an InvalidArgument and not bad XML.
type xmlAttributes struct {
	Delay      *string `xml:"DelaySeconds"`
	MaxSize    *string `xml:"MaximumMessageSize"`
	Retention  *string `xml:"MessageRetentionPeriod"`
	Visibility *string `xml:"VisibilityTimeout"`
	Polling    *string `xml:"PollingWaitSeconds"`
	Logging    *string `xml:"LoggingEnabled"`
}

func (x xmlAttributes) apply(a *Attributes) error {
	for _, f := range []struct {
		name      string
		text      *string
		low, high int64
		unit      string
		set       func(int64)
	}{
		{"DelaySeconds", x.Delay, 0, maxDelay, "seconds", func(n int64) { a.Delay = time.Duration(n) * time.Second }},
		{"MaximumMessageSize", x.MaxSize, 1024, maxBody, "bytes", func(n int64) { a.MaxSize = int(n) }},
		{"MessageRetentionPeriod", x.Retention, 60, maxRetention, "seconds", func(n int64) { a.Retention = time.Duration(n) * time.Second }},
		{"VisibilityTimeout", x.Visibility, 1, maxVisibility, "seconds", func(n int64) { a.Visibility = time.Duration(n) * time.Second }},
		{"PollingWaitSeconds", x.Polling, 0, maxWait, "seconds", func(n int64) { a.Polling = time.Duration(n) * time.Second }},
	} {
		if f.text == nil {
			continue
		}
		n, err := number(f.name, *f.text, f.low, f.high, f.unit)
		if err != nil {
			return err
		}
		f.set(n)
	}
	if x.Logging != nil {
		on, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(*x.Logging)))
		if err != nil {
			return errSchema("LoggingEnabled")
		}
		a.Logging = on
	}
	return nil
}

func number(element, text string, low, high int64, unit string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	switch {
	case err != nil:
		return 0, errSchema(element)
	case n < low || n > high:
		return 0, errRange(element, low, high, unit)
	}
	return n, nil
}

// xmlQueue is what GetQueueAttributes answers, in the order the service writes it.
type xmlQueue struct {
	XMLName xml.Name
	Name    string `xml:"QueueName,omitempty"`
	URL     string `xml:"QueueURL,omitempty"`
	*xmlMeta
}

type xmlMeta struct {
	DelaySeconds           int64
	MaximumMessageSize     int
	MessageRetentionPeriod int64
	VisibilityTimeout      int64
	CreateTime             int64 // seconds, where messages have milliseconds
	LastModifyTime         int64
	PollingWaitSeconds     int64
	ActiveMessages         int
	InactiveMessages       int
	DelayMessages          int
	LoggingEnabled         string
	MessageType            int
	EnableSSE              string
}

type xmlQueues struct {
	XMLName xml.Name `xml:"http://mns.aliyuncs.com/doc/v1 Queues"`
	Queues  []xmlQueue
	Next    string `xml:"NextMarker,omitempty"`
}

func (s *Server) meta(q *queue, now time.Time) *xmlMeta {
	st := q.stats(now)
	m := &xmlMeta{
		DelaySeconds: int64(q.attr.Delay / time.Second), MaximumMessageSize: q.attr.MaxSize,
		MessageRetentionPeriod: int64(q.attr.Retention / time.Second),
		VisibilityTimeout:      int64(q.attr.Visibility / time.Second),
		CreateTime:             q.created.Unix(), LastModifyTime: q.changed.Unix(),
		PollingWaitSeconds: int64(q.attr.Polling / time.Second),
		ActiveMessages:     st.Active, InactiveMessages: st.Inactive, DelayMessages: st.Delayed,
		LoggingEnabled: title(q.attr.Logging), EnableSSE: "False",
	}
	return m
}

func title(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

type xmlSend struct {
	Body     *string `xml:"MessageBody"`
	Delay    *string `xml:"DelaySeconds"`
	Priority *string `xml:"Priority"`
	Tag      string  `xml:"MessageTag"` // topics only
	Props    *struct {
		Values []xmlProperty `xml:"PropertyValue"`
		Odd    []xmlElement  `xml:",any"`
	} `xml:"UserProperties"`
}

// xmlProperty is one user property of a message.
type xmlProperty struct {
	XMLName xml.Name `xml:"PropertyValue"`
	Name    string
	Value   string
	Type    string
	Odd     []xmlElement `xml:",any"`
}

type xmlElement struct{ XMLName xml.Name }

var propertyName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// properties checks user properties and writes them as the message keeps them.
func properties(values []xmlProperty, odd []xmlElement) (string, error) {
	if len(values) > maxProperties {
		return "", errRange("UserProperties", 0, maxProperties, "")
	}
	for i, v := range values {
		values[i].XMLName.Space = "" // one client breaks on it in an answer
		if odd = append(odd, v.Odd...); len(odd) > 0 {
			break
		}
		_, err := base64.StdEncoding.DecodeString(v.Value)
		switch {
		case len(v.Name) > 256 || !propertyName.MatchString(v.Name):
			return "", errSchema("Name")
		case len(v.Value) > 4096 || v.Type == "BINARY" && err != nil:
			return "", errSchema("Value")
		case !slices.Contains([]string{"STRING", "NUMBER", "BOOLEAN", "BINARY"}, v.Type):
			return "", errSchema("Type")
		}
	}
	if len(odd) > 0 {
		return "", notImplemented("the element " + odd[0].XMLName.Local + " of UserProperties")
	}
	text, err := xml.Marshal(values)
	return string(text), err
}

type xmlBatchSend struct {
	Messages []xmlSend `xml:"Message"`
}

type xmlHandles struct {
	Handles []string `xml:"ReceiptHandle"`
}

// xmlMessage serves every answer that speaks of a message; what an operation does
// not tell is left out.
type xmlMessage struct {
	XMLName      xml.Name
	ID           string    `xml:"MessageId,omitempty"`
	MD5          string    `xml:"MessageBodyMD5,omitempty"`
	Body         *string   `xml:"MessageBody"`
	Handle       string    `xml:"ReceiptHandle,omitempty"`
	Enqueued     int64     `xml:"EnqueueTime,omitempty"`
	First        int64     `xml:"FirstDequeueTime,omitempty"`
	NextVisible  int64     `xml:"NextVisibleTime,omitempty"`
	Dequeued     *int      `xml:"DequeueCount"`
	Priority     int       `xml:"Priority,omitempty"`
	Props        *xmlProps `xml:"UserProperties"`
	ErrorCode    string    `xml:"ErrorCode,omitempty"`
	ErrorMessage string    `xml:"ErrorMessage,omitempty"`
}

type xmlProps struct {
	Inner string `xml:",innerxml"`
}

type xmlMessages struct {
	XMLName  xml.Name `xml:"http://mns.aliyuncs.com/doc/v1 Messages"`
	Messages []xmlMessage
}

type xmlErrors struct {
	XMLName xml.Name `xml:"http://mns.aliyuncs.com/doc/v1 Errors"`
	Errors  []xmlDeleteError
}

type xmlDeleteError struct {
	XMLName xml.Name `xml:"Error"`
	Code    string   `xml:"ErrorCode"`
	Message string   `xml:"ErrorMessage"`
	Handle  string   `xml:"ReceiptHandle"`
}

type xmlVisibility struct {
	XMLName     xml.Name `xml:"http://mns.aliyuncs.com/doc/v1 ChangeVisibility"`
	Handle      string   `xml:"ReceiptHandle"`
	NextVisible int64    `xml:"NextVisibleTime"`
}

func rootMessage(root bool) xml.Name {
	if root {
		return xml.Name{Space: namespace, Local: "Message"}
	}
	return xml.Name{Local: "Message"}
}

// sent is the answer to a message that was taken in.
func sent(m message, root bool) xmlMessage {
	return xmlMessage{XMLName: rootMessage(root), ID: m.id, MD5: sum(m.body), Handle: m.handle}
}

// handed is a message as a receiver sees it, peeked the same without its handle.
func handed(m message, root bool) xmlMessage {
	x := peeked(m, root)
	x.Handle, x.NextVisible = m.handle, m.visible.UnixMilli()
	return x
}

func peeked(m message, root bool) xmlMessage {
	first := m.first
	if m.receives == 0 {
		first = m.enqueued
	}
	x := xmlMessage{
		XMLName: rootMessage(root), ID: m.id, MD5: sum(m.body), Body: &m.body,
		Enqueued: m.enqueued.UnixMilli(), First: first.UnixMilli(), Dequeued: &m.receives, Priority: m.priority,
	}
	if m.props != "" {
		x.Props = &xmlProps{m.props}
	}
	return x
}

// sum is the upper-case MD5 of the body's text. With user properties the service
// answers something else, by a formula nobody documents.
func sum(body string) string {
	d := md5.Sum([]byte(body))
	return strings.ToUpper(hex.EncodeToString(d[:]))
}
