<?php
echo ini_get('precision');
