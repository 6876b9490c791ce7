<?php

declare(strict_types=1);

/**
 * A page with places: {{name}} takes a text and escapes it, {{&name}} takes HTML
 * as it is. Compiled once, rendered for every request.
 */
final class Template
{
    /** @param list<string> $parts text, place, text, place, ..., text */
    private function __construct(private readonly array $parts) {}

    public static function compile(string $source): self
    {
        return new self(preg_split('/\{\{(&?\w+)\}\}/', $source, -1, PREG_SPLIT_DELIM_CAPTURE));
    }

    /**
     * @param array<string, string|int> $values every place of the page needs one
     */
    public function render(array $values): string
    {
        $html = '';
        foreach ($this->parts as $index => $part) {
            $html .= match (true) {
                $index % 2 === 0 => $part,
                $part[0] === '&' => $values[substr($part, 1)],
                default => self::escape((string) $values[$part]),
            };
        }

        return $html;
    }

    public static function escape(string $text): string
    {
        return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE | ENT_HTML5);
    }
}
