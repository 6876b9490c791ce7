<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * The lines of the header Set-Cookie, as PHP's setcookie() makes them.
 *
 * @internal
 */
final class Cookie
{
    /**
     * @param string                                            $value   encoded already
     * @param array<string, mixed> $options those of setcookie(): expires, path, domain, secure, httponly, samesite
     */
    public static function line(string $name, string $value, array $options): string
    {
        if ($name === '' || \strpbrk($name, "=,; \t\r\n\013\014") !== false) {
            throw new \ValueError("setcookie(): \"{$name}\" cannot be the name of a cookie");
        }
        if (\strpbrk($value . ($options['path'] ?? '') . ($options['domain'] ?? ''), ",; \t\r\n\013\014") !== false) {
            throw new \ValueError("setcookie(): value, path and domain of the cookie \"{$name}\" cannot contain commas, semicolons or white space");
        }
        $options = \array_change_key_case($options);
        if ($value === '') {
            return "{$name}=deleted; expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0" . self::rest($options);
        }
        $line = "{$name}={$value}";
        $expires = (int) ($options['expires'] ?? 0);
        if ($expires > 0) {
            $line .= '; expires=' . \gmdate('D, d M Y H:i:s', $expires) . ' GMT; Max-Age=' . \max(0, $expires - \time());
        }

        return $line . self::rest($options);
    }

    /**
     * @param array<string, mixed> $options
     */
    private static function rest(array $options): string
    {
        $line = '';
        foreach (['path', 'domain'] as $name) {
            if (($options[$name] ?? '') !== '') {
                $line .= "; {$name}={$options[$name]}";
            }
        }
        foreach (['secure' => 'secure', 'httponly' => 'HttpOnly'] as $name => $word) {
            if (!empty($options[$name])) {
                $line .= "; {$word}";
            }
        }

        return ($options['samesite'] ?? '') === '' ? $line : "{$line}; SameSite={$options['samesite']}";
    }
}
