<?php

declare(strict_types=1);

namespace PhpWorker\Laravel;

/**
 * Properties of a shared service, to be put back as they were when the application had booted.
 *
 * @internal
 */
final class Kept
{
    /** @var list<array{\ReflectionProperty, mixed}> */
    private array $values = [];

    /**
     * @param string ...$names those that this version of the service does not have are left out
     */
    public function __construct(private readonly object $service, string ...$names)
    {
        $class = new \ReflectionObject($service);
        foreach ($names as $name) {
            if ($class->hasProperty($name) && ($property = $class->getProperty($name))->isInitialized($service)) {
                $this->values[] = [$property, $property->getValue($service)];
            }
        }
    }

    public function restore(): void
    {
        foreach ($this->values as [$property, $value]) {
            $property->setValue($this->service, $value);
        }
    }
}
