package fakemns

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
)

// row is what an operation reads of a request beside its path.
type row struct {
	params, headers string
	elements        string // of the body, at any depth
}

const (
	queueElements   = "Queue QueueName DelaySeconds MaximumMessageSize MessageRetentionPeriod VisibilityTimeout PollingWaitSeconds LoggingEnabled"
	messageElements = "Message MessageBody DelaySeconds Priority UserProperties"
	listHeaders     = "prefix marker ret-number"
	subElements     = "Subscription Endpoint FilterTag NotifyStrategy NotifyContentFormat"
)

// table is the API. What a row does not have is refused by its name: nothing that a
// caller asks for is passed over.
var table = map[string]row{
	"CreateQueue":               {elements: queueElements},
	"SetQueueAttributes":        {params: "metaoverride", elements: queueElements},
	"GetQueueAttributes":        {},
	"DeleteQueue":               {},
	"ListQueue":                 {headers: listHeaders + " with-meta"},
	"SendMessage":               {elements: messageElements},
	"BatchSendMessage":          {elements: "Messages " + messageElements},
	"ReceiveMessage":            {params: "waitseconds"},
	"BatchReceiveMessage":       {params: "numOfMessages waitseconds"},
	"PeekMessage":               {params: "peekonly"},
	"BatchPeekMessage":          {params: "peekonly numOfMessages"},
	"ChangeMessageVisibility":   {params: "ReceiptHandle VisibilityTimeout"},
	"DeleteMessage":             {params: "ReceiptHandle"},
	"BatchDeleteMessage":        {elements: "ReceiptHandles ReceiptHandle"},
	"CreateTopic":               {elements: "Topic TopicName MaximumMessageSize LoggingEnabled"},
	"SetTopicAttributes":        {params: "metaoverride", elements: "Topic MaximumMessageSize LoggingEnabled"},
	"GetTopicAttributes":        {},
	"DeleteTopic":               {},
	"ListTopic":                 {headers: listHeaders + " with-meta"},
	"PublishMessage":            {elements: "Message MessageBody MessageTag"},
	"Subscribe":                 {elements: subElements},
	"SetSubscriptionAttributes": {params: "metaoverride", elements: subElements},
	"GetSubscriptionAttributes": {},
	"Unsubscribe":               {},
	"ListSubscriptionByTopic":   {headers: listHeaders + " with-meta"},
}

// Operations lists what is emulated, sorted.
func Operations() []string {
	var out []string
	for name := range table {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func notImplemented(what string) *Error {
	return refuse(501, "NotImplemented", "The local cloud does not emulate "+what+".") // MNS itself has no such code
}

// whole names an operation that is not emulated at all, "" for what MNS does not have.
func whole(method, path string, q map[string]string, odd string) string {
	_, account := q["accountmeta"]
	switch {
	case method == http.MethodGet && path == "/" && account && odd == "accountmeta":
		return "GetAccountAttributes"
	case method == http.MethodPut && path == "/" && account && odd == "accountmeta":
		return "SetAccountAttributes"
	case method == http.MethodPost && path == "/commonbuy/openservice":
		return "OpenService"
	}
	return ""
}

// unknown finds the first thing in a request that its operation does not read.
func unknown(r *http.Request, op string, q map[string]string, odd string, body []byte) error {
	if odd != "" {
		return errQuery(odd)
	}
	own := table[op]
	var names []string
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(strings.Fields(own.params), name) {
			return errQuery(name)
		}
	}
	names = nil
	for name := range r.Header {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	for _, name := range names {
		short, ours := strings.CutPrefix(name, "x-mns-")
		if ours && !slices.Contains(strings.Fields("version date user-agent "+own.headers), short) {
			return notImplemented("the header " + name + " of " + op)
		}
	}
	if own.elements == "" {
		return nil // a body that nothing reads
	}
	return unknownElement(op, strings.Fields(own.elements), body)
}

// unknownElement does not look into UserProperties, whose reader does that, and
// leaves a wrong root and what is no XML to the operation.
func unknownElement(op string, known []string, body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return nil //nolint:nilerr // said by whoever reads it
		}
		switch t := t.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			name := t.Name.Local
			if depth > 0 && !slices.Contains(known, name) {
				return notImplemented("the element " + name + " of " + op)
			}
			depth++
			if name == "UserProperties" {
				_ = d.Skip() // the next token says what is wrong
				depth--
			}
		}
	}
}
