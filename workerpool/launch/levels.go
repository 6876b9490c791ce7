package launch

import (
	"encoding/json"
	"regexp"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Parts of the forms in which loggers write.
const (
	levelWord = `(?i:(debug|info|notice|warning|warn|error|critical|alert|emergency))`
	logDate   = `\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?`
	// maxLevelPrefix is how far into a line its level is looked for, in bytes.
	maxLevelPrefix = 300
)

// levelForms are the beginnings of lines by which the loggers of frameworks tell the level. Each has
// more than the word for it, so that text which merely begins like that is not taken for it.
var levelForms = []*regexp.Regexp{
	// The RoadRunner package's, and our own.
	regexp.MustCompile(`^\[php ` + levelWord + `\]`),
	// Monolog's LineFormatter, which Laravel and Symfony use: [date] channel.LEVEL: text
	regexp.MustCompile(`^\[` + logDate + `\] [\w.-]+\.` + levelWord + `: `),
	// Symfony's own logger, whose date depends on where it writes: date [level] text
	regexp.MustCompile(`^(?:` + logDate + ` |\[\d\d-\w{3}-\d{4} [^\]]+\] )?\[` + levelWord + `\] `),
	// Monolog's ConsoleFormatter in Symfony: time LEVEL  [channel] text
	regexp.MustCompile(`^\d\d:\d\d:\d\d ` + levelWord + ` +\[[\w.-]+\] `),
	// Yii's: date [level][category] text
	regexp.MustCompile(`^` + logDate + ` (?:\[[^\]]*\])*?\[` + levelWord + `\]\[`),
	// CakePHP's: date level: text
	regexp.MustCompile(`^` + logDate + ` ` + levelWord + `: `),
}

// classify finds the level that PHP or its logger gave the line: PHP's own
// "PHP Warning:  ...", a form in levelForms, or a JSON record, whose fields are kept. A
// line in no such form is information, whatever words are in it.
func classify(line string) (zapcore.Level, string, []zap.Field) {
	if line[0] == '{' {
		if level, message, fields, ok := classifyJSON(line); ok {
			return level, message, fields
		}
	}
	for _, form := range levelForms {
		if m := form.FindStringSubmatch(line[:min(len(line), maxLevelPrefix)]); m != nil {
			return levelOf(m[1]), line, nil
		}
	}
	text := line
	if text[0] == '[' { // error_log puts "[date] " in front
		if _, rest, ok := strings.Cut(text, "] "); ok {
			text = rest
		}
	}
	text = strings.TrimPrefix(text, "PHP ")
	for _, known := range phpPrefixes {
		if strings.HasPrefix(text, known.prefix) {
			return known.level, line, nil
		}
	}
	return zapcore.InfoLevel, line, nil
}

var phpPrefixes = []struct {
	prefix string
	level  zapcore.Level
}{
	{"Fatal error: ", zapcore.ErrorLevel},
	{"Parse error: ", zapcore.ErrorLevel},
	{"Recoverable fatal error: ", zapcore.ErrorLevel},
	{"Warning: ", zapcore.WarnLevel},
	{"Deprecated: ", zapcore.InfoLevel},
	{"Notice: ", zapcore.InfoLevel},
}

func classifyJSON(line string) (zapcore.Level, string, []zap.Field, bool) {
	var record map[string]any
	if json.Unmarshal([]byte(line), &record) != nil {
		return 0, "", nil, false
	}
	level, message := zapcore.InfoLevel, line
	for _, key := range []string{"level_name", "level", "severity"} { // Monolog's first
		if word, ok := record[key].(string); ok {
			level = levelOf(word)
			break
		}
	}
	for _, key := range []string{"message", "msg"} {
		if text, ok := record[key].(string); ok && text != "" {
			message = text
			delete(record, key)
			break
		}
	}
	return level, message, []zap.Field{zap.Any("record", printableValue(record))}, true
}

// inJSON are the control characters that are escaped in JSON anyway, so that a record keeps them.
const inJSON = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f" +
	"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"

// printableValue is a value that was read from JSON, fit to be written as JSON into a log: the names
// and texts in it are [Printable].
func printableValue(value any) any {
	switch v := value.(type) {
	case string:
		return Printable(v, inJSON)
	case []any:
		for i := range v {
			v[i] = printableValue(v[i])
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, value := range v {
			clean[Printable(name, inJSON)] = printableValue(value)
		}
		return clean
	}
	return value
}

// levelOf maps PSR-3 and PHP words to a level.
func levelOf(word string) zapcore.Level {
	switch strings.ToLower(word) {
	case "emergency", "alert", "critical", "error", "fatal", "fatal error":
		return zapcore.ErrorLevel
	case "warning", "warn":
		return zapcore.WarnLevel
	case "debug":
		return zapcore.DebugLevel
	}
	return zapcore.InfoLevel
}
